import os, subprocess
print(list(os.environ.items()))
subprocess.run(["env"])
subprocess.run(["env"], env=os.environ)
os.environ["NEW"] = "1"; del os.environ["HOME"]
subprocess.run(["sh", "-c", "env | sort"])
