const fs = require('fs');
const fd = fs.openSync('/dev/null');
console.log(fd, fs.readdirSync('/proc/self/fd').map((n) => { try { return [n, fs.readlinkSync('/proc/self/fd/' + n).replace(/\d{3,}/, 'N')]; } catch { return n; } }));
try { fs.fstatSync(63); } catch (error) { console.log(error.message); }
