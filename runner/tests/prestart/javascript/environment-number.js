console.log(process.env, require('child_process').execSync('env').toString());
