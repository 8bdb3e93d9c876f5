def f(n):
    return g(n)
def g(n):
    return 1 / n
f(0)
