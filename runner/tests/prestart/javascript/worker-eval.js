const { Worker } = require('worker_threads');
new Worker('console.log(process.argv.length, process.execArgv, require.main, Object.keys(require.cache))', { eval: true, env: { A: '1' }, stdout: false });
