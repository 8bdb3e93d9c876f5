# Compiles all Scala files of the work folder; further arguments are the compiler's.
exec find * -type f -name '*.scala' -exec scalac -d . "$@" {} +
