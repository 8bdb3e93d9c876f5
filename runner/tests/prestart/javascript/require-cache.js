const Module = require('module');
console.log(require.cache, Module._cache 