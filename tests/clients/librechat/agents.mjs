// Puts @librechat/agents beside the few packages that its code tools need, without the hundreds of those it has for models.
// npm calls this behind its own installation.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const PACKAGE = '@librechat/agents@3.9.2';
const SHA512 = 'QrCGLdJLZQBprBvS7gNfrNEqykwt0B157A2tMGJflmzdBQa8/TQ0yLydQo3NcA7TtFZJeJNmCo0hsZj4UJbjmw==';

const modules = path.join(import.meta.dirname, 'node_modules');
const archive = execFileSync('npm', ['pack', '--silent', '--pack-destination', modules, PACKAGE], { encoding: 'utf8' }).trim();
const file = path.join(modules, archive.split('\n').at(-1));
if (createHash('sha512').update(readFileSync(file)).digest('base64') !== SHA512) throw new Error(`${file} is another one`);
const folder = path.join(modules, '@librechat/agents');
mkdirSync(folder, { recursive: true });
execFileSync('tar', ['-xzf', file, '-C', folder, '--strip-components=1']);
