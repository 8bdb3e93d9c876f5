import multiprocessing, sys
def f(queue):
    import sys
    queue.send((sys.path, sys.argv, __name__, list(sys.modules)[:30]))
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=f, args=(theirs,))
    process.start(); print(ours.recv()); process.join(); print(process.exitcode)
