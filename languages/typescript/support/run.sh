#!/bin/sh
# run.sh MAIN ARGUMENTS…: runs what the compiler made of the main file.
case $1 in
  *.mts) main=${1%.mts}.mjs ;;
  *.cts) main=${1%.cts}.cjs ;;
  *) main=${1%.*}.js ;;
esac
shift
exec node --enable-source-maps "$main" "$@"
