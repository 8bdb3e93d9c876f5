import sys
print(sys.flags, sys._xoptions, sys.warnoptions, sys.dont_write_bytecode, sys.pycache_prefix, sys.float_info, sys.int_info)
print(sys.implementation, sys.version, sys.platform, sys.getrecursionlimit(), sys.getswitchinterval(), sys.hash_info)
