# Compiles all Java files of the work folder; further arguments are the compiler's.
options=/locus/java/javac.options
set -- -m jdk.compiler/com.sun.tools.javac.Main -encoding UTF-8 -d . "$@"
# An image has an archive that lets the compiler start sooner.
[ -e $options ] && set -- -XX:VMOptionsFile=$options "$@"
exec find * -type f -name '*.java' -exec \
    java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xms64m -Xmx384m "$@" {} +
