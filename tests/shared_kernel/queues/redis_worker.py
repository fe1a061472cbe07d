"""A process that consumes: each message has one effect, a row that commits with it.

python -m tests.shared_kernel.queues.redis_worker DATABASE_URL REDIS_URL NAME
"""

import signal
import sys
import threading

import sqlalchemy as sa
import structlog

from shared_kernel.clock import system_clock
from shared_kernel.queues.port import Message
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared
from tests.shared_kernel.queues.redis_builders import redis_queue

CREATE = sa.text("CREATE TABLE effects (payload TEXT)")
EFFECT = Prepared(sa.text("INSERT INTO effects (payload) VALUES (:payload)"))
EFFECTS = Prepared(sa.text("SELECT payload FROM effects"))


def main(database_url: str, redis_url: str, name: str) -> None:
    # The test reads one line of the standard output, and then no more.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    database = Database(database_url)
    queue = redis_queue(redis_url)(database, name, system_clock)

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


if __name__ == "__main__":
    main(*sys.argv[1:])
