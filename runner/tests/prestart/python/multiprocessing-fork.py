import multiprocessing, os
def f(n):
    return n * n, os.environ.get("PYTHONPATH"), __name__
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Process(target=print, args=(f(3),)) as p if False else open("/dev/null"):
        pass
    process = multiprocessing.get_context("fork").Process(target=lambda: print(f(4), flush=True))
    process.start(); process.join()
    print(process.exitcode)
