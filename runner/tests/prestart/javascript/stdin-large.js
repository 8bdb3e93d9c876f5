const hash = require('crypto').createHash('sha256');
let length = 0;
process.stdin.on('data', (chunk) => { length += chunk.length; hash.update(chunk); }).on('end', () => console.log(length, hash.digest('hex')));
