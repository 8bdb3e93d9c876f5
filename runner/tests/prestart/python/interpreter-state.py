import sys, threading, _imp
print(sys.gettrace(), sys.getprofile(), sys.excepthook, sys.displayhook, sys.breakpointhook, sys.unraisablehook, sys.stdout is sys.__stdout__, sys.exc_info())
print(_imp.lock_held(), sys.getdlopenflags(), sys.get_asyncgen_hooks(), sys.get_coroutine_origin_tracking_depth(), sys._getframe().f_back, sys._getframe().f_code)
print([line.split()[-1] for line in open("/proc/self/maps") if "/locus" in line])
