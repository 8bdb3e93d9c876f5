# Runs what the main file marks with @main, or else its first object, in whichever package it is.
file=$1
shift
name=$(sed -n 's/.*@main *def *\([A-Za-z0-9_]*\).*/\1/p' "$file" | head -n 1)
[ -n "$name" ] || name=$(sed -n 's/^ *object *\([A-Za-z0-9_]*\).*/\1/p' "$file" | head -n 1)
class=$name.class
[ -e "$class" ] || class=$(find . -type f -name "$name.class" | head -n 1)
class=${class#./}
class=${class%.class}
# An image has its libraries here, and an archive that lets programs start sooner; elsewhere Scala's own command knows them.
[ -d /opt/scala/lib ] || exec scala -classpath . "${class:-$name}" "$@"
path=$(echo /opt/scala/lib/*.jar | tr ' ' ':')
exec java -XX:SharedArchiveFile=/opt/scala/scala.jsa -XX:-UsePerfData $JAVA_OPTS \
    -cp "$path:." "${class:-$name}" "$@"
