console.log(process.argv[1], import.meta.url);
