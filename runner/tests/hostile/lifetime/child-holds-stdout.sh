# attack: A background child keeps stdout and stderr open for ever while main ends at once.
# expect: Completed
# limits: timeoutSeconds=4

(trap '' HUP INT TERM PIPE; sleep 30; echo "BROKEN: the child outlived the run") &
echo held
