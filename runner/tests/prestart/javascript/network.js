require('net').createServer().on('error', (error) => console.log(error.code)).listen(0);
require('dns').lookup('localhost', (error, address) => console.log(error && error.code, address));
require('http').get('http://localhost').on('error', (error) => console.log(error.code));
