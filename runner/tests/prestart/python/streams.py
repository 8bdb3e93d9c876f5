import sys, locale, os
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.mode, stream.encoding, stream.errors, stream.line_buffering, stream.write_through, stream.buffer)
print(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), locale.getlocale(), locale.setlocale(locale.LC_ALL), os.device_encoding(0))
print("\udcff".encode("utf-8", "surrogateescape"))
print("\ud800")
