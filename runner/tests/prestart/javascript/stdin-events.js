let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => (text += chunk)).on('end', () => console.log(JSON.stringify(text), process.stdin.constructor.name, process.stdin.fd));
