const vm = require('vm'), v8 = require('v8'), inspector = require('inspector');
console.log(vm.runInNewContext('this.constructor.name + x', { x: 1 }), inspector.url(), v8.cachedDataVersionTag() > 0, v8.getHeapStatistics().heap_size_limit, eval('typeof require'));
