const rl = require('readline').createInterface({ input: process.stdin, output: process.stdout });
rl.question('name? ', (name) => { console.log('hello', name); rl.on('line', (line) => console.log('line', line)); });
rl.on('close', () => console.log('closed'));
