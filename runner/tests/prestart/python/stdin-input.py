name = input("name? ")
print("hello", name)
try:
    input("more? ")
except EOFError as error:
    print(repr(error))
input()
