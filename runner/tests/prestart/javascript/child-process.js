const { execFileSync, spawnSync, exec } = require('child_process');
console.log(execFileSync(process.execPath, ['-p', 'process._preload_modules + Object.keys(process.env)']).toString());
console.log(spawnSync('sh', ['-c', 'cat; echo err >&2; exit 3'], { input: 'in' }));
exec('echo $0 $HOME', (error, stdout) => console.log(error, stdout));
