# compile.sh MAIN [ARGUMENT]...: makes ./program of MAIN and what it imports.
cache=/usr/lib/zig/cache
export ZIG_GLOBAL_CACHE_DIR=/tmp/zig-cache ZIG_LOCAL_CACHE_DIR=/tmp/zig-cache-local
# What an image has compiled ahead can only be read, and the compiler wants to write beside it.
[ ! -d $cache ] || cp -r $cache $ZIG_GLOBAL_CACHE_DIR
exec zig build-exe -femit-bin=program "$@"
