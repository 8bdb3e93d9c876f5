# attack: The input holds NUL, end-of-transmission, end-of-file and interrupt characters, which must not end it.
# expect: Completed
# stdin: "\u0000\u0001\u0002\u007f\r\n\u0004\u001a\u0003end\u0004"
# stdout: "b'\\x00\\x01\\x02\\x7f\\r\\n\\x04\\x1a\\x03end\\x04'\n"

import sys

print(sys.stdin.buffer.read())
