# attack: Recurses without end at the interpreter's default limit.
# expect: Completed


def recurse(depth):
    return recurse(depth + 1) + 1


try:
    recurse(0)
    print("BROKEN: could not try: the recursion ended")
except RecursionError:
    print("held")
