function f() { throw new TypeError('top'); }
f();
