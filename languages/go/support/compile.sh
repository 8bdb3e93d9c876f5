# compile.sh MAIN [ARGUMENT]...: makes ./program of the module in this folder; without a go.mod, of the files beside MAIN.
main=$1
shift
. /locus/go/environment.sh
cache=/usr/lib/go-cache
folder=$(mktemp -d /tmp/go.XXXXXX)
# Nothing that go keeps for itself stands in the folder of the program for longer than it takes. Where the standard library
# is not compiled ahead, neither place has room for it twice.
work=$(mktemp -d "$PWD/.go.XXXXXX")
export HOME="$folder" GOPATH="$folder/go" GOCACHE="$folder/cache" GOTMPDIR="$work"
# The compiled standard library can only be read, and go wants to write beside it.
[ ! -d "$cache" ] || cp -rs "$cache" "$GOCACHE"
if [ -f go.mod ]; then
    set -- "$@" .
else
    set -- "$@" "$(dirname "$main")"/*.go
fi
# Without what only a debugger reads. Arguments of the user come after those given here, so that they win.
go build -ldflags=-w -o program "$@"
status=$?
rm -rf "$folder" "$work"
exit $status
