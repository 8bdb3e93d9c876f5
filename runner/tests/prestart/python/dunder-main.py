import runpy, sys, __main__
print(__main__.__file__, __main__ is sys.modules["__main__"])
def main():
    return 3
if __name__ == "__main__":
    sys.exit(main())
