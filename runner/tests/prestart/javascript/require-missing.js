try { require('./nothing'); } catch (error) { console.log(error.code, error.message, error.requireStack); }
require('no-such-package');
