let depth = 0;
function f() { depth++; f(); }
try { f(); } catch (error) { console.log(error.name, error.message, depth > 5000); }
f();
