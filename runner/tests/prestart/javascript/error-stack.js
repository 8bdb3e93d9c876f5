Error.stackTraceLimit = 50;
console.log(new Error('here').stack);
setTimeout(() => console.log(new Error('later').stack));
