# attack: The environment holds functions for bash (shellshock), for whichever shell there is on the way.
# expect: Completed
# env: {"X": "() { :; }; touch /work/pwned", "BASH_FUNC_sh%%": "() { touch /work/pwned; }", "BASH_FUNC_command%%": "() { touch /work/pwned; }"}

if command -v bash >/dev/null 2>&1; then bash -c ':' >/dev/null 2>&1; fi
sh -c ':'
if [ -e /work/pwned ]; then echo "BROKEN: a function of the environment was run"; else echo held; fi
