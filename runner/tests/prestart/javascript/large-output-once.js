process.stdout.write('x'.repeat(1 << 20));
process.exitCode = 1;
