# attack: LD_LIBRARY_PATH, GCONV_PATH, LOCPATH and tunables of the C library lead into /work.
# expect: Completed
# env: {"LD_LIBRARY_PATH": "/work:/tmp", "GCONV_PATH": "/work", "LOCPATH": "/work", "GLIBC_TUNABLES": "glibc.malloc.check=3:glibc.malloc.mxfast=glibc.malloc.mxfast=A", "LANG": "../../work/x"}

import codecs
import locale

codecs.lookup("utf-8")
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
print("held")
