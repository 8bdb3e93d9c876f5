class C:
    def __del__(self):
        raise ValueError("unraisable")
c = C()
del c
print("on")
