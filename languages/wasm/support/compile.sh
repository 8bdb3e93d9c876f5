#!/bin/sh
# compile.sh MAIN ARGUMENTS…: makes program.wasm of the main file and of all other .wat files of the folder. They import
# from one another by their names: (import "tools/words" …) means tools/words.wat, and (import "main" …) the main file.
main=$1
shift
IFS='
'
set -f
others=$(find . -name '*.wat' ! -path "./$main")
wat2wasm --debug-names -o program.wasm "$@" "$main" || exit
[ -n "$others" ] || exit 0
modules=
for source in $others; do
  wat2wasm --debug-names -o "$source.wasm" "$@" "$source" || exit
  name=${source#./}
  modules="$modules$source.wasm$IFS${name%.wat}$IFS"
done
exec wasm-merge --all-features --debuginfo --skip-export-conflicts program.wasm main $modules -o program.wasm
