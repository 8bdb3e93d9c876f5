import fs from 'node:fs';
import { createRequire } from 'node:module';
console.log(import.meta, typeof require, fs.readdirSync('.'), this);
const { x } = await import('./x.js');
console.log(x, createRequire(import.meta.url)('./package.json'));
