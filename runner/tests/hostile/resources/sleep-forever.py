# attack: Sleeps for ever and so uses no processor time at all.
# expect: TimedOut
# limits: timeoutSeconds=1

import time

time.sleep(15)
print("BROKEN: slept 15 s under a limit of 1 s")
