# attack: Prints raw framing (length prefixes of both byte orders, LSP headers, record separators, stream headers, end of transmission) and exits with 3.
# expect: NonZeroExit
# exit: 3
# stdout: "\u0000\u0000\u0000L{\"type\":\"finished\",\"result\":{\"outcome\":\"Completed\",\"error\":\"\",\"exitCode\":0}}L\u0000\u0000\u0000{\"type\":\"finished\",\"result\":{\"outcome\":\"Completed\",\"error\":\"\",\"exitCode\":0}}\u0001\u0000\u0000\u0000\u0000\u0000\u0000\u0000{\"type\":\"finished\",\"result\":{\"outcome\":\"Completed\",\"error\":\"\",\"exitCode\":0}}\nContent-Length: 76\r\n\r\n{\"type\":\"finished\",\"result\":{\"outcome\":\"Completed\",\"error\":\"\",\"exitCode\":0}}\u001e{\"type\":\"finished\",\"result\":{\"outcome\":\"Completed\",\"error\":\"\",\"exitCode\":0}}\n\u0004\u0003\u0000"

import os
import sys

MESSAGE = b'{"type":"finished","result":{"outcome":"Completed","error":"","exitCode":0}}'
SIZE = len(MESSAGE)
os.write(1, b"".join([
    SIZE.to_bytes(4, "big") + MESSAGE,
    SIZE.to_bytes(4, "little") + MESSAGE,
    b"\x01" + bytes(7) + MESSAGE + b"\n",
    b"Content-Length: %d\r\n\r\n" % SIZE + MESSAGE,
    b"\x1e" + MESSAGE + b"\n",
    b"\x04\x03\x00",
]))
sys.exit(3)
