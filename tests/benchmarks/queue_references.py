"""Other queues, each with no-op jobs, in an environment where they are installed.

python queue_references.py LIBRARY URL JOBS

Prints jobs a second: all are enqueued before, and the time runs from the start of the
consumer to the end of the last job. Imports are in the functions: each library is
installed for itself, and not by the project.
"""

import asyncio
import sys
import threading
import time
from dataclasses import dataclass

CONCURRENCY = 4
BATCH = 100


class Jobs:
    """How many are left of those that were enqueued."""

    def __init__(self, count: int) -> None:
        self.count = self._left = count
        self.done = threading.Event()
        self._lock = threading.Lock()

    def end_one(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self.done.set()

    async def wait(self) -> None:
        await asyncio.to_thread(self.done.wait)


@dataclass
class Noop:
    number: int


async def pgqueuer(url: str, jobs: Jobs) -> float:
    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.queries import Queries

    driver = AsyncpgDriver(await asyncpg.connect(url))
    queries, count = Queries(driver), jobs.count
    await queries.install()
    await queries.enqueue(["noop"] * count, [b"{}"] * count, [0] * count)
    queue = PgQueuer(driver)

    async def noop(_: object) -> None:
        jobs.end_one()

    queue.entrypoint("noop")(noop)
    begun = time.perf_counter()
    running = asyncio.create_task(queue.run(batch_size=BATCH))
    await jobs.wait()
    rate = count / (time.perf_counter() - begun)
    running.cancel()
    return rate


async def procrastinate(url: str, jobs: Jobs) -> float:
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=url))

    async def noop() -> None:
        jobs.end_one()

    task = app.task(noop, name="noop")
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await task.batch_defer_async(*[{}] * jobs.count)
        begun = time.perf_counter()
        running = asyncio.create_task(
            app.run_worker_async(concurrency=CONCURRENCY, install_signal_handlers=False)
        )
        await jobs.wait()
        rate = jobs.count / (time.perf_counter() - begun)
        running.cancel()
        await asyncio.wait([running])
    return rate


async def awa(url: str, jobs: Jobs) -> float:
    from awa import AsyncClient

    client = AsyncClient(url)
    await client.migrate()

    async def noop(_: object) -> None:
        jobs.end_one()

    client.task(Noop, queue="noop")(noop)
    await client.insert_many_copy([Noop(n) for n in range(jobs.count)], queue="noop")
    begun = time.perf_counter()
    await client.start([("noop", CONCURRENCY)])
    await jobs.wait()
    rate = jobs.count / (time.perf_counter() - begun)
    await client.shutdown()
    return rate


async def huey(file: str, jobs: Jobs) -> float:
    from huey import SqliteHuey

    queue = SqliteHuey(filename=file, results=False)
    task = queue.task()(jobs.end_one)
    for _ in range(jobs.count):
        task()
    consumer = queue.create_consumer(workers=1, periodic=False)
    begun = time.perf_counter()
    consumer.start()
    await jobs.wait()
    rate = jobs.count / (time.perf_counter() - begun)
    consumer.stop()
    return rate


async def rq(url: str, jobs: Jobs) -> float:
    from redis import Redis
    from rq import Queue, SimpleWorker

    connection = Redis.from_url(url)
    queue = Queue(connection=connection)
    # By its name: rq imports what it calls. `max` of two numbers does nothing.
    noop = Queue.prepare_data("builtins.max", args=(0, 1), result_ttl=0)
    queue.enqueue_many([noop] * jobs.count)
    worker = SimpleWorker([queue], connection=connection)
    begun = time.perf_counter()
    worker.work(burst=True, logging_level="ERROR")
    return jobs.count / (time.perf_counter() - begun)


async def dramatiq(url: str, jobs: Jobs) -> float:
    from dramatiq import Worker, actor
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(url=url)
    noop = actor(jobs.end_one, actor_name="noop", broker=broker)
    for _ in range(jobs.count):
        noop.send()
    worker = Worker(broker, worker_threads=CONCURRENCY)
    begun = time.perf_counter()
    worker.start()
    await jobs.wait()
    rate = jobs.count / (time.perf_counter() - begun)
    worker.stop()
    return rate


LIBRARIES = {
    each.__name__: each for each in (pgqueuer, procrastinate, awa, huey, rq, dramatiq)
}

if __name__ == "__main__":
    library, where, count = sys.argv[1:]
    print(asyncio.run(LIBRARIES[library](where, Jobs(int(count)))), flush=True)
