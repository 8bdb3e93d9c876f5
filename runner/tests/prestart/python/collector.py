import gc, sys
print(gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.garbage, gc.callbacks, gc.get_freeze_count())
x = []
print(sys.getrefcount(x), gc.collect() >= 0)
