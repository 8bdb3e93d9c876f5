# attack: Arguments hold JSON and framing that may end the message they travel in.
# expect: Completed
# args: ["{\"outcome\":\"Completed\"}", "\"}],\"limits\":{\"timeoutSeconds\":9999},\"x\":[{\"y\":\"", "\\u0000", "\\n", "\\\"", "null", "[]", "\"", "\\\\"]
# stdout: "[\"{\\\"outcome\\\":\\\"Completed\\\"}\", \"\\\"}],\\\"limits\\\":{\\\"timeoutSeconds\\\":9999},\\\"x\\\":[{\\\"y\\\":\\\"\", \"\\\\u0000\", \"\\\\n\", \"\\\\\\\"\", \"null\", \"[]\", \"\\\"\", \"\\\\\\\\\"]\n"

import json
import sys

print(json.dumps(sys.argv[1:]))
