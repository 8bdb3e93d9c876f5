process.stdout.write(Buffer.from([0, 255, 254, 10, 128, 13]));
process.stdout.write('\ud800 \u0000');
console.log(Buffer.alloc(4), Buffer.from('ü').toString('hex'), Buffer.poolSize, Buffer.from('x').byteOffset % 8);
