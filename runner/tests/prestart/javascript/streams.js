console.error('1'); console.log('2'); process.stderr.write('3\n'); console.warn('4'); process.stdout.write('5\n', () => console.log('written'));
console.log(process.stdout.isTTY, process.stdout.writableHighWaterMark, process.stdout.constructor.name, process.stdout.fd, process.stdout.getColorDepth);
console.table([{ a: 1 }]); console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 0 }); console.group('g'); console.log('in'); console.trace('t');
