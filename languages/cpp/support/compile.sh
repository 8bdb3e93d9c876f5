# compile.sh MAIN [ARGUMENT]...: makes ./program of every C++ file below this folder, the main one first.
main=$1
shift
while IFS= read -r file; do
    [ -z "$file" ] || [ "$file" = "./$main" ] || set -- "${file#./}" "$@"
done <<END
$(find . -name '*.cpp' -o -name '*.cc' -o -name '*.cxx' | sort -r)
END
# Arguments of the user come after those given here, so that they win.
exec g++ @/locus/cpp/options -iquote . -o program "$main" "$@"
