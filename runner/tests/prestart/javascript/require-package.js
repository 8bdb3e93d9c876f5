console.log(require('pack'), require('pack/sub'), require('./data.json'));
