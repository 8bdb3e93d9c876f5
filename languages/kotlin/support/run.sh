# Runs the class that the main file becomes: main.kt is MainKt, in whichever package it is.
name=${1##*/}
shift
name=$(echo "${name%.kt}Kt" | sed 's/^./\u&/')
class=$name.class
[ -e "$class" ] || class=$(find . -type f -name "$name.class" | head -n 1)
class=${class#./}
class=${class%.class}
# An image has its libraries here, and an archive that lets programs start sooner; elsewhere the compiler has them.
libraries=/opt/kotlin/lib
if [ -d $libraries ]; then
    JAVA_OPTS="-XX:SharedArchiveFile=/opt/kotlin/kotlin.jsa $JAVA_OPTS"
else
    libraries=$(dirname "$(readlink -f "$(command -v kotlinc)")")/../lib
fi
path=$(echo "$libraries"/kotlin-stdlib.jar "$libraries"/kotlinx-coroutines-core-jvm.jar | tr ' ' ':')
exec java -XX:-UsePerfData $JAVA_OPTS -cp "$path:." "${class:-$name}" "$@"
