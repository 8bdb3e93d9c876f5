print("""a
b""".encode())
print(1)