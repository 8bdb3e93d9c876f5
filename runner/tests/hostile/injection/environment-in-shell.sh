# attack: Values of the environment hold shell syntax and are used by a script, which must not run them.
# expect: Completed
# env: {"COMMAND": "$(touch /work/pwned)", "FUNCTION": "() { :; }; touch /work/pwned"}
# stdout: "[$(touch /work/pwned)]\n[() { :; }; touch /work/pwned]\n"

printf '[%s]\n' "$COMMAND"
printf '[%s]\n' "$FUNCTION"
[ -e /work/pwned ] && echo "BROKEN: a value was run"
exit 0
