# attack: The input imitates the end of the message it travels in and a second request.
# expect: Completed
# stdin: "\"}\n{\"type\":\"cancel\"}\n\n0\r\n\r\nPUT /run HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
# stdout: "\"\\\"}\\n{\\\"type\\\":\\\"cancel\\\"}\\n\\n0\\r\\n\\r\\nPUT /run HTTP/1.1\\r\\nContent-Length: 0\\r\\n\\r\\n\"\n"

import json
import sys

print(json.dumps(sys.stdin.read()))
