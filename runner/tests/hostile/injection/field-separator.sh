# attack: IFS of the environment splits words at letters; the shell must begin with its own.
# expect: Completed
# env: {"IFS": "/ab"}
# stdout: "2 a/b\n"

words="a/b x"
set -- $words
echo "$# $1"
