// Holds node inside its own start-up until it is told its run: before it looks for the main file. What is undone at the
// end is all that a plain start would not have. Only what is loaded at any start is used, since what is shows.
'use strict';
{
  const fs = require('fs');
  const control = 63;

  const read = (count) => {
    const data = Buffer.alloc(count);
    for (let length = 0; length < count; ) {
      const more = fs.readSync(control, data, length, count - length, null);
      if (more === 0) process.reallyExit(0); // The runner is gone.
      length += more;
    }
    return data.toString();
  };

  const waits = () => {
    // Threads of a program load this too, and have nothing to wait for; nor has a program's own child.
    if (process.abort.disabled) return false;
    try {
      fs.writeSync(control, '\n');
      return true;
    } catch {
      return false;
    }
  };

  if (waits()) {
    const job = read(parseInt(read(8), 16)).split('\0');
    // The end of the descriptor tells that the run is in the interpreter's hands.
    fs.closeSync(control);
    const count = Number(job[0]);
    process.argv.push(...job.slice(1, count + 1));
    for (const name of Object.keys(process.env)) delete process.env[name];
    for (const variable of job.slice(count + 1, -1)) {
      const end = variable.indexOf('=');
      process.env[variable.slice(0, end)] = variable.slice(end + 1);
    }
  }

  const { _cache, _pathCache } = module.constructor;
  delete _cache[__filename];
  delete _pathCache[`${__filename}\0`];
  const modules = Object.getOwnPropertyDescriptor(process, '_preload_modules');
  if (modules) Object.defineProperty(process, '_preload_modules', { ...modules, value: [] });
}
