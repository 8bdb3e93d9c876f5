let rounds = 0;
process.on('beforeExit', (code) => { console.log('beforeExit', code); if (rounds++ < 2) setTimeout(() => {}, 1); });
process.on('exit', (code) => { console.log('exit', code); process.exitCode = 4; });
