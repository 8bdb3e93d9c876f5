# attack: Makes itself immune to the out-of-memory killer, or the runner its favourite victim.
# expect: Completed

broken = []
for path, value in (
    ("/proc/self/oom_score_adj", "-1000"),
    ("/proc/self/oom_adj", "-17"),
    ("/proc/1/oom_score_adj", "1000"),
    ("/proc/1/oom_adj", "15"),
):
    try:
        before = open(path).read()
        with open(path, "w") as file:
            file.write(value)
    except OSError:
        continue
    if open(path).read() != before:
        broken.append(f"{value} written to {path}")
print("\n".join("BROKEN: " + b for b in broken) or "held")
