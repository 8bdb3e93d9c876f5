console.log('more');
