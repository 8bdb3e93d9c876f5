#!/bin/sh
# compile.sh MAIN ARGUMENTS…: compiles all .ml and .mli files of the folder, each after those that it uses.
main=$1
shift
folders=$(find . -mindepth 1 -type d ! -path '*/.*' -exec echo -I {} +)
files=$(find . -name '*.ml' -o -name '*.mli' | sed 's,^\./,,')
if [ "$files" != "$main" ]; then
  files=$(ocamldep -sort $folders $files) || exit
fi
exec ocamlopt -g -I +unix -I +str -I +threads unix.cmxa str.cmxa threads.cmxa $folders -o program "$@" $files
