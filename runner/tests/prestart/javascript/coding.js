// BOM and unusual characters: é 😀
console.log('é😀'.length, Buffer.byteLength('é😀'), '\u2028'.length);
