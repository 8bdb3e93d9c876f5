# Compiles all Erlang files of the work folder; further arguments are the compiler's.
exec find * -type f -name '*.erl' -exec erlc +debug_info "$@" {} +
