# Compiles all Kotlin files of the work folder; further arguments are the compiler's.
exec find * -type f -name '*.kt' -exec kotlinc -d . "$@" {} +
