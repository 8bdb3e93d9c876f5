# compile.sh MAIN [ARGUMENT]...: makes ./program of every Fortran file below this folder.
shift
while IFS= read -r file; do
    [ -z "$file" ] || set -- "${file#./}" "$@"
done <<END
$(find . '(' -name '*.[fF]90' -o -name '*.[fF]95' -o -name '*.[fF]0[38]' -o -name '*.[fF]' -o -name '*.for' ')' \
    -exec awk -f /locus/fortran/order.awk {} +)
END
# Arguments of the user come after those given here, so that they win.
exec gfortran -O1 -Wall -I . -o program "$@"
