const fs = require('fs');
for (const folder of ['/', '/work', '/tmp', '/dev', '/locus', '/locus/javascript', '/etc']) console.log(folder, fs.readdirSync(folder));
console.log(fs.statSync('main.js').mode, fs.readFileSync('/proc/self/cmdline', 'latin1'), fs.readFileSync('/proc/self/limits', 'latin1'), fs.readFileSync('/proc/self/comm', 'latin1'));
console.log(fs.readFileSync('/proc/self/status', 'latin1').split('\n').filter((line) => /^(Name|Umask|Tgid|Pid|PPid|Uid|FDSize|Sig|Shd|Cap|NoNew|Seccomp|Threads)/.test(line)));
try { fs.writeFileSync('/locus/javascript/x', ''); } catch (error) { console.log(error.message); }
