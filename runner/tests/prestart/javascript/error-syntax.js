console.log('never');
if (
