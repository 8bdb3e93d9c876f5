const { Worker, isMainThread, parentPort, workerData, threadId } = require('worker_threads');
if (isMainThread) {
  const worker = new Worker(__filename, { workerData: { x: 1 }, argv: ['w'] });
  worker.on('message', (message) => console.log(message)).on('exit', (code) => console.log('exit', code));
} else {
  const descriptor = Object.getOwnPropertyDescriptor(process, '_preload_modules');
  parentPort.postMessage([workerData, threadId, process.argv.slice(1), process.execArgv, Object.keys(process.env), Object.keys(require.cache), Object.keys(module.constructor._pathCache), module.children.length, descriptor, process.moduleLoadList]);
}
