# Compiles all Swift files of the work folder as one module; further arguments are the compiler's.
# An image has the modules of C that Swift's libraries stand on compiled ahead, for the options that are usual.
modules=/usr/libexec/swift/modules
[ $# = 0 ] && [ -d $modules ] && set -- -module-cache-path $modules
exec find * -type f -name '*.swift' -exec swiftc -g -wmo -module-name main -o program "$@" {} +
