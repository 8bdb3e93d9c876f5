# Runs the class that the main file is named for, in whichever package it is.
name=${1##*/}
name=${name%.java}
shift
class=$name.class
[ -e "$class" ] || class=$(find . -type f -name "$name.class" | head -n 1)
class=${class#./}
class=${class%.class}
# An image has an archive that lets programs start sooner.
archive=/locus/java/java.jsa
[ -e $archive ] && JAVA_OPTS="-XX:SharedArchiveFile=$archive $JAVA_OPTS"
exec java -XX:-UsePerfData $JAVA_OPTS -cp . "${class:-$name}" "$@"
