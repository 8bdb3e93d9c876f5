import gc, sys
found = [o for o in gc.get_objects() if isinstance(o, (dict, list, tuple, set)) and any(isinstance(x, str) and "/locus" in x for x in (o.values() if isinstance(o, dict) else o) if type(x) is str) and o is not sys._getframe().f_code.co_consts]
print(found, [m for m in gc.get_objects() if type(m) is type(sys) and "locus" in str(getattr(m, "__file__", ""))])
print([f for f in gc.get_objects() if callable(f) and getattr(f, "__name__", "") == "_prestart"])
print(sorted(n for n in dir(__builtins__)))
