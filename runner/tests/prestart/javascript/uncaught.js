process.on('uncaughtException', (error, origin) => console.log(error.message, origin));
setTimeout(() => console.log('on'), 5);
throw new Error('caught at last');
