import sys
for n in range(16384):
    print(f"{n:063d}")
