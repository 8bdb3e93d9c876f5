import threading
def f():
    raise ValueError("in a thread")
thread = threading.Thread(target=f, name="worker")
thread.start(); thread.join()
print(threading.main_thread().name, threading.active_count(), thread.name)
