# attack: Arguments of a shell script look like options of the shell and like commands; each must arrive as it is.
# expect: Completed
# args: ["-c", "echo pwned", "--", "$(id)", "`id`", "a  b", "*", "", "line\nbreak", "-e", "set -x"]
# stdout: "11\n[-c]\n[echo pwned]\n[--]\n[$(id)]\n[`id`]\n[a  b]\n[*]\n[]\n[line\nbreak]\n[-e]\n[set -x]\n"

printf '%s\n' "$#"
for argument in "$@"; do
    printf '[%s]\n' "$argument"
done
