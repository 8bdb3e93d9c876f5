const controller = new AbortController();
controller.signal.addEventListener('abort', () => console.log('aborted', controller.signal.reason));
controller.abort('why');
AbortSignal.timeout(10).addEventListener('abort', (event) => console.log(event.type));
fetch('http://127.0.0.1').catch((error) => console.log(error.message, error.cause && error.cause.code));
