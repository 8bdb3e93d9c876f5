console.log(process.env, Object.entries(process.env), process.env.NODE_OPTIONS, 'NODE_OPTIONS' in process.env);
console.log(require('child_process').execSync('env').toString());
