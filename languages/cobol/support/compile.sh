# compile.sh MAIN [ARGUMENT]...: makes ./program of MAIN and the other COBOL files of the work folder, which hold what it
# calls; copybooks end in .cpy. Where a line of MAIN begins before the seventh column, it is in free format.
main=$1
shift
grep -q '^ \{0,5\}[^ 0-9]' "$main" && set -- -free "$@"
# Names are parted by the ends of lines alone.
IFS='
'
set -f
exec cobc -x -debug -o program "$@" "$main" $(find . -type f ! -path "./$main" \( -name '*.cob' -o -name '*.cbl' \))
