import usercustomize
print(usercustomize.x)
