# Compiles all C# files of the work folder; further arguments are the compiler's.
exec find * -type f -name '*.cs' -exec mcs -langversion:7.2 -debug -optimize -out:program.exe \
    -r:System.Core,System.Numerics,System.Numerics.Vectors,System.Runtime.Serialization,System.Xml,System.Xml.Linq "$@" {} +
