# compile.sh MAIN [ARGUMENT]...: makes ./program of MAIN and what it imports. ORC, which is the memory's management in later
# versions, becomes less C, which is compiled in less time.
main=$1
shift
exec nim compile --mm:orc --hints:off --colors:off --nimcache:/tmp/nimcache --out:program "$@" "$main"
