print(__file__, __name__, __doc__, __package__, __spec__, __builtins__.__name__, sorted(globals()))
print(__loader__.__class__, __annotations__ if "__annotations__" in globals() else None)
