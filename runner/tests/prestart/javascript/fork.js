const { fork } = require('child_process');
if (process.argv[2] 