import sys
x = []
for _ in range(200000):
    x = [x]
try:
    repr(x)
except RecursionError as error:
    print(error)
