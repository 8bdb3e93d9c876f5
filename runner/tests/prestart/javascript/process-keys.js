console.log(Object.keys(process), Object.getOwnPropertyDescriptor(process, '_preload_modules'), process.eventNames(), process.listenerCount('exit'));
console.log(Object.getOwnPropertyNames(process).sort().join());
