# Loaded in the start-up of every run of Python. Where the runner waits for it, it holds the interpreter there until it is
# told its run: the last moment before it looks for main.py. A plain start goes on at once. Either way lines are written
# when they are whole, as to a terminal, and what is undone at the end is all that an interpreter without this would not have.


def _prestart():
    import os
    import sys

    control = 63

    def read(count):
        data = b""
        while len(data) < count:
            more = os.read(control, count - len(data))
            if not more:
                os._exit(0)  # The runner is gone.
            data += more
        return data

    try:
        os.write(control, b"\n")
    except OSError:
        pass  # Nobody waits: it is a plain start.
    else:
        job = read(int(read(8), 16)).split(b"\0")
        # The end of the descriptor tells that the run is in the interpreter's hands.
        os.close(control)
        count = int(job[0])
        args = [os.fsdecode(argument) for argument in job[1 : count + 1]]
        sys.argv += args
        sys.orig_argv += args
        # Each by itself, so that the C library's own variables follow, in the order of a plain start.
        os.environb.clear()
        for variable in job[count + 1 : -1]:
            name, _, value = variable.partition(b"=")
            os.environb[name] = value
    # Whoever looks sees what there is, and what a program has printed is not lost when it is killed.
    if sys.stdout:
        sys.stdout.reconfigure(line_buffering=True)
    folder = os.path.dirname(__file__)
    # Programs that this one starts are their own.
    if os.environ.get("PYTHONPATH") == folder:
        del os.environ["PYTHONPATH"]
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path_importer_cache.pop(folder, None)
    del sys.modules[__name__]


_prestart()
del _prestart
# The machine's own, if it has one. Where it has none, site passes over the error as in a plain start.
import sitecustomize
