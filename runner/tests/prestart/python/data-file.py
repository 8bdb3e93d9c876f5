import os
print(open("data/a.txt").read(), sorted(os.listdir()), sorted(os.listdir("data")))
import main
