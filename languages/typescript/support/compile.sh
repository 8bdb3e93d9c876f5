#!/bin/sh
# compile.sh MAIN ARGUMENTS…: checks the program and puts JavaScript beside each of its files. As with node itself, a .ts
# file is a CommonJS module, unless package.json says otherwise, and an .mts file is an ECMAScript module.
main=$1
shift

compile() {
  tsc --ignoreConfig --strict --target es2023 --lib es2023 --module nodenext --resolveJsonModule --skipLibCheck \
    --rewriteRelativeImportExtensions --types node --typeRoots /usr/local/lib/node_modules/@types \
    --noEmitOnError --inlineSourceMap --pretty false "$@" "$main"
}

output=$(compile "$@")
status=$?
# Code that awaits at its top or asks for import.meta can only be an ECMAScript module.
if [ $status != 0 ] && [ ! -e package.json ] && echo "$output" | grep -qE 'error TS(1309|1470):'; then
  echo '{"type": "module"}' > package.json
  output=$(compile "$@")
  status=$?
fi
[ -z "$output" ] || echo "$output"
exit $status
