depth = 0
def f():
    global depth
    depth += 1
    f()
try:
    f()
except RecursionError as error:
    print(depth, error)
f()
