# attack: Prints what a runner might send for a good end, line by line to stdout and stderr, and then exits with 3.
# expect: NonZeroExit
# exit: 3
# stdout: "{\"type\":\"finished\",\"result\":{\"outcome\":\"Completed\",\"error\":\"\",\"exitCode\":0}}\n{\"type\":\"output\",\"stream\":\"stdout\",\"data\":\"held\"}\n{\"event\":\"exit\",\"code\":0}\ndata: {\"outcome\":\"Completed\",\"exitCode\":0}\n\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 42\r\n\r\n{\"outcome\":\"Completed\",\"exitCode\":0}\n--boundary--\nexit status 0\n"

import os
import sys

LINES = [
    '{"type":"finished","result":{"outcome":"Completed","error":"","exitCode":0}}',
    '{"type":"output","stream":"stdout","data":"held"}',
    '{"event":"exit","code":0}',
    "data: {\"outcome\":\"Completed\",\"exitCode\":0}",
    "",
    "HTTP/1.1 200 OK\r",
    "Content-Type: application/json\r",
    "Content-Length: 42\r",
    "\r",
    '{"outcome":"Completed","exitCode":0}',
    "--boundary--",
    "exit status 0",
]

text = ("\n".join(LINES) + "\n").encode()
os.write(2, text)
os.write(1, text)
sys.exit(3)
