# attack: ENV and BASH_ENV name a file of commands and PS4 holds a command: a script that is not interactive must not run them.
# expect: Completed
# env: {"ENV": "/work/evil.sh", "PS1": "$(touch /work/pwned)", "PS4": "$(touch /work/pwned)", "PROMPT_COMMAND": "touch /work/pwned", "SHELLOPTS": "xtrace", "CDPATH": "/etc"}

echo 'touch /work/pwned' >/work/evil.sh
sh -c ':'
if [ -e /work/pwned ]; then echo "BROKEN: the file named by ENV was run"; else echo held; fi
