import multiprocessing, os
def f(n):
    print(n * n, os.environ.get("PYTHONPATH"), __name__, flush=True)
if __name__ == "__main__":
    process = multiprocessing.get_context("fork").Process(target=f, args=(4,))
    process.start(); process.join()
    print(process.exitcode)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(abs, range(-3, 3)))
