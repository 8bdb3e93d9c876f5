import('./x.mjs').then(({ default: x }) => console.log(x));
import('node:os').then((os) => console.log(os.EOL 