console.log(process.env.NODE_OPTIONS, process.execArgv, Error.stackTraceLimit);
