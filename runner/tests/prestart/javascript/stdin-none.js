console.log(JSON.stringify(require('fs').readFileSync('/dev/stdin', 'utf8')));
process.stdin.on('end', () => console.log('end')).resume();
