const lib = require('./lib');
console.log(lib, module.children.map((m) => m.id), Object.keys(require.cache), require.resolve('./lib'), require.resolve.paths('x'));
