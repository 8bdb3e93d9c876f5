import random, secrets, uuid, tempfile
random.seed(5)
print(random.random(), random.randint(1, 100), tempfile.gettempdir())
