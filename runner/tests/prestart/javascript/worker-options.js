const { Worker } = require('worker_threads');
new Worker('console.log(process.execArgv, process.env.NODE_OPTIONS)', { eval: true, execArgv: ['--no-warnings'] });
