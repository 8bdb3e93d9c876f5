# attack: Waits for ever on a child that sleeps in the background with its output closed.
# expect: TimedOut
# limits: timeoutSeconds=1

sleep 15 >/dev/null 2>&1 </dev/null &
wait
echo "BROKEN: waited 15 s under a limit of 1 s"
