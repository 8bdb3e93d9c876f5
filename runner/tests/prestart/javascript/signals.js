process.on('SIGTERM', (name, number) => { console.log(name, number); clearInterval(timer); });
const timer = setInterval(() => {}, 1000);
process.kill(process.pid, 'SIGTERM');
