import inspect, linecache, sys
def f(): return 1
print(inspect.getsource(f), linecache.getline("main.py", 1), inspect.getsource(sys.modules["__main__"])[:20])
