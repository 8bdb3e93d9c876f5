const { spawnSync } = require('child_process');
const env = { ...process.env, NODE_OPTIONS: '--require=/locus/javascript/prestart.js' };
console.log(spawnSync(process.execPath, ['-p', 'process.argv.length + Object.keys(require.cache).length'], { env }).stdout.toString());
