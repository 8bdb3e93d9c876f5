const readline = require('readline').createInterface({ input: process.stdin, output: process.stdout });
console.log(process.stdin.constructor.name, process.stdin.isTTY, process.stdin.fd);
readline.question('name? ', (name) => { console.log(`hello ${name}`); readline.on('line', (line) => console.log([line])); });
readline.on('close', () => console.log('end'));
