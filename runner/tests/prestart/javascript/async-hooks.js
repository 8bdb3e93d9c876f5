const { executionAsyncId, triggerAsyncId, createHook } = require('async_hooks');
console.log(executionAsyncId(), triggerAsyncId());
setTimeout(() => console.log(executionAsyncId(), triggerAsyncId()), 1);
