# attack: The input holds shell commands, which must arrive as text.
# expect: Completed
# stdin: "$(touch /work/pwned)\n`touch /work/pwned`; touch /work/pwned\n\ntouch /work/pwned\nEOF\n.\n"
# stdout: "[$(touch /work/pwned)]\n[`touch /work/pwned`; touch /work/pwned]\n[]\n[touch /work/pwned]\n[EOF]\n[.]\nheld\n"

while IFS= read -r line; do
    printf '[%s]\n' "$line"
done
if [ -e /work/pwned ]; then echo "BROKEN: input was run"; else echo held; fi
