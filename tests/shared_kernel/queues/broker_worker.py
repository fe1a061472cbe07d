"""A process that consumes: each message has one effect, a row that commits with it.

python -m tests.shared_kernel.queues.broker_worker DATABASE_URL NATS_PORT NAME
"""

import signal
import sys
import threading

import structlog

from shared_kernel.clock import system_clock
from shared_kernel.queues.port import Message
from shared_kernel.storage.database import Database
from tests.shared_kernel.queues.broker_benches import queue_over
from tests.shared_kernel.queues.jetstream_builders import a_link
from tests.shared_kernel.queues.redis_worker import EFFECT

ACK_WAIT_S = 2


def main(database_url: str, port: str, name: str) -> None:
    # The test reads one line of the standard output, and then no more.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    database = Database(database_url)
    link = a_link(int(port), system_clock, ack_wait_s=ACK_WAIT_S)
    queue = queue_over(link, database, name, system_clock)

    def work(message: Message) -> None:
        with database.writing() as connection:
            EFFECT.write(connection, {"payload": message.payload})
            queue.acknowledge(connection, message)

    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    queue.start_consuming(10, 0.05, work)
    print("consuming", flush=True)
    stopping.wait()
    queue.stop()
    queue.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
