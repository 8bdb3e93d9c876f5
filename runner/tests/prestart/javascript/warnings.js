process.emitWarning('careful', { code: 'X1' });
new Buffer(1);
require('url').parse('http://a:b');
process.on('warning', (warning) => console.log(warning.name));
