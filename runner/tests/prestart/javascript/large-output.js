for (let n = 0; n < 16384; n++) console.log(String(n).padStart(63, '0'));
