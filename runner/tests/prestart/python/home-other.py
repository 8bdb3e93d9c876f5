import os
print(os.path.expanduser("~"))
