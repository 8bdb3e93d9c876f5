import os
print(list(os.environ.items()), os.getenv("PYTHONPATH"), len(os.environ), dict(os.environb))
os.system("env")
