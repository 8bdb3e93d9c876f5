import os, time
print(time.tzname, os.environ["TZ"])
