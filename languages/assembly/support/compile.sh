#!/bin/sh
# compile.sh MAIN ARGUMENTS…: assembles all .asm files of the folder, the main one first, and links them. A program
# starts at _start; one that has none, at main, which is called as the C library would.
main=$1
shift
IFS='
'
set -f
sources=$(find . -name '*.asm' ! -path "./$main")
objects=
for source in "$main" $sources; do
  nasm -f elf64 -g -F dwarf -o "$source.o" "$@" "$source" || exit
  objects="$objects$source.o$IFS"
done
if ! nm $objects | grep -q ' T _start$'; then
  nasm -f elf64 -o .start.o "${0%/*}/start.asm" || exit
  objects="$objects.start.o"
fi
exec ld -z noexecstack -dynamic-linker /lib64/ld-linux-x86-64.so.2 -o program $objects --as-needed -l:libc.so.6 -l:libm.so.6
