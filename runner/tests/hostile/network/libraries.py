# attack: Uses the network by the standard library: HTTP, FTP, mail, XML-RPC, remote processes.
# expect: Completed

import ftplib
import http.client
import smtplib
import urllib.request
from multiprocessing.connection import Client, Listener

broken = []


def attempt(name, action):
    try:
        action()
        broken.append(name)
    except (OSError, EOFError, http.client.HTTPException):
        pass


attempt("urllib http", lambda: urllib.request.urlopen("http://example.com/", timeout=1))
attempt("urllib by address", lambda: urllib.request.urlopen("http://1.1.1.1/", timeout=1))
attempt("urllib to the runner", lambda: urllib.request.urlopen("http://127.0.0.1:7070/", timeout=1))
attempt("http.client", lambda: http.client.HTTPConnection("::1", 7070, timeout=1).request("GET", "/"))
attempt("ftplib", lambda: ftplib.FTP("127.0.0.1", timeout=1))
attempt("smtplib", lambda: smtplib.SMTP("127.0.0.1", 25, timeout=1))
attempt("multiprocessing listener", lambda: Listener(("127.0.0.1", 0)).close())
attempt("multiprocessing client", lambda: Client(("127.0.0.1", 7070)))
# A file URL is no network: but it must not read what a plain open may not.
attempt("file URL of a secret", lambda: urllib.request.urlopen("file:///etc/shadow").read())
print("\n".join("BROKEN: " + b for b in broken) or "held")
