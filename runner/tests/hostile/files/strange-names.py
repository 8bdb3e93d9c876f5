# attack: Names files so that careless scripts, listings and JSON writers stumble: dashes, newlines, quotes, controls, invalid UTF-8, 255 bytes.
# expect: Completed

import os

names = [
    b"-rf", b"--help", b"-", b" ", b"  leading", b"trailing ", b"new\nline", b"tab\there", b"\x1b[2J", b"\x07",
    b"\\", b"'", b'"', b"`id`", b"$(id)", b";id;", b"|id", b"*", b"?", b"~", b"#", b"%s%n", b"...", b"a=b",
    b"C:\\x", b"nul\x01", b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", "äöü€😀".encode(), "e\u0301".encode(),
    "\u202egpj.exe".encode(), "\u2028".encode(), b"n" * 255, "€".encode() * 85, b"core", b".", b"..",
]
wrong = []
for name in names:
    path = b"/work/" + name
    try:
        with open(path, "wb") as file:
            file.write(name)
    except OSError:
        if name not in (b".", b"..") and b"\xff" not in name and b"\xc0" not in name and b"\xed" not in name:
            wrong.append(f"{name!r} could not be written")
        continue
    with open(path, "rb") as file:
        if file.read() != name:
            wrong.append(f"{name!r} reads differently")
try:
    open(b"/work/" + b"n" * 256, "wb").close()
    wrong.append("a name of 256 bytes")
except OSError:
    pass
print("\n".join("BROKEN: " + w for w in wrong) or "held")
