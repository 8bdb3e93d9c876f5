# attack: Says on both outputs that it ran out of time and memory and that its output was cut, and ends well.
# expect: Completed
# stdout: "TimedOut\nOutOfMemory\nOutputLimitExceeded\n[output truncated]\nheld\n"

import sys

text = "TimedOut\nOutOfMemory\nOutputLimitExceeded\n[output truncated]\n"
sys.stderr.write(text + "Killed\nCPU time limit exceeded (core dumped)\n")
sys.stdout.write(text + "held\n")
