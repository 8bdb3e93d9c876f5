console.log(process.moduleLoadList);
