setTimeout(() => console.log('timeout'), 0);
setImmediate(() => console.log('immediate'));
process.nextTick(() => console.log('tick'));
Promise.resolve().then(() => console.log('microtask')).then(() => process.nextTick(() => console.log('tick 2')));
queueMicrotask(() => console.log('queued'));
(async () => { console.log('sync'); await null; console.log('after await'); })();
console.log('end of main');
setTimeout(() => { setImmediate(() => console.log('inner immediate')); setTimeout(() => console.log('inner timeout'), 0); }, 20);
