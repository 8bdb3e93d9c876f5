process.stdout.write('x');
process.kill(process.pid, 'SIGABRT');
setTimeout(() => {}, 1000);
