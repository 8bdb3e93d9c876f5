console.log(process.env.FORCE_COLOR, process.stdout.hasColors && 1, require('util').inspect({ a: 1 }, { colors: true }), require('tty').WriteStream.prototype.getColorDepth.call({}, process.env));
console.log(new (require('stream').Writable)().writable);
