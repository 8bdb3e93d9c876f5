console.log(process.env);
process.env.NEW = 1; delete process.env.HOME;
console.log(require('child_process').execFileSync('env').toString());
