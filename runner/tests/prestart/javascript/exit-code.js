process.exitCode = 9;
console.log(process.exitCode);
