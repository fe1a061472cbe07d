"""A worker whose callback is a call into C that holds the interpreter lock.

python -m tests.shared_kernel.queues.starved_worker DATABASE_URL SECONDS

Meanwhile no thread of the process runs, so its lease is not renewed. After the call it
has its effect, and at the end it prints how many messages were done and lost.
"""

import ctypes
import sys
import threading

from shared_kernel.clock import system_clock
from shared_kernel.queues.port import Message
from shared_kernel.storage.database import Database
from tests.shared_kernel.queues.builders import sql_queue
from tests.shared_kernel.queues.redis_worker import EFFECT


def main(database_url: str, seconds: str) -> None:
    database = Database(database_url)
    queue = sql_queue(database, "starved", system_clock)
    ended = threading.Event()

    def work(message: Message) -> None:
        print("working", flush=True)
        # Unlike CDLL, PyDLL keeps the lock.
        ctypes.PyDLL(None).usleep(int(float(seconds) * 1_000_000))
        try:
            with database.writing() as connection:
                EFFECT.write(connection, {"payload": "starved"})
                queue.acknowledge(connection, message)
        finally:
            ended.set()

    queue.start_consuming(1, 0.05, work)
    ended.wait()
    queue.stop()
    print(queue.counts.done, queue.counts.lost_leases, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
