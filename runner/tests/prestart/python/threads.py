import threading, queue
results = queue.Queue()
threads = [threading.Thread(target=lambda n=n: results.put(n * n)) for n in range(8)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
print(sorted(results.queue), threading.current_thread().name, threading.get_native_id())
