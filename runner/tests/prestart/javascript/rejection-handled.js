process.on('unhandledRejection', (reason, promise) => console.log(reason, promise));
Promise.reject(7);
