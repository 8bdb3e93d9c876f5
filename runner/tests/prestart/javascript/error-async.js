async function a() { await null; throw new Error('async'); }
async function b() { await a(); }
b().catch((error) => { console.log(error.stack); return b(); });
