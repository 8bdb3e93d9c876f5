process.stdout.write('x'.repeat(1 << 20));
process.exit(1);
