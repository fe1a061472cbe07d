"""No-op messages through our queues, beside other queues and the bare statements.

python -m tests.benchmarks.over_queues

All messages are there before their consumers start. The consumers are in this process,
and the time ends when all is settled. Other libraries are installed for the bench, in a
temporary environment, and run in a process of their own: there it ends with the last
job, settled or not.
"""

import itertools
import random
import statistics
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import sqlalchemy as sa

from shared_kernel.clock import system_clock
from shared_kernel.dead_letters.tables import (
    dead_letter_repairs_table,
    dead_letters_table,
    discarded_events_table,
    edited_events_table,
)
from shared_kernel.queues import tables
from shared_kernel.queues.brokered import BrokeredQueue
from shared_kernel.queues.port import Message
from shared_kernel.queues.redis.channel import RedisChannel
from shared_kernel.queues.redis.link import open_link
from shared_kernel.queues.settings import QueueSettings
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.storage.database import Database
from tests.benchmarks import imports, queues_by_hand
from tests.benchmarks.measuring import Result, compared, per_second, show
from tests.benchmarks.other_queues import NotMeasuredError, libraries, rate_of
from tests.benchmarks.servers import postgres
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer

ROUNDS = 3
MESSAGES, MESSAGES_ONE_BY_ONE = 20_000, 1000
MESSAGES_UNDER_A_SNAPSHOT = 60_000
"""So that it takes several sweeps."""
CONSUMERS = (1, 4)
SETTINGS = QueueSettings(size=200, poll_interval_s=0.05)
TIMEOUT_S = 120.0
LEAST_OF_REDIS, LEAST_OF_RQ = 0.3, 5.0
LEAST_OF_BARE, LEAST_OF_PGQUEUER, LEAST_UNDER_A_SNAPSHOT = 0.15, 3.0, 0.8

_metadata = sa.MetaData()
for _table in (
    tables.jobs_table,
    tables.job_consumers_table,
    tables.paused_queues_table,
    tables.taken_entries_table,
    dead_letters_table,
    dead_letter_repairs_table,
    discarded_events_table,
    edited_events_table,
):
    _table(_metadata)

Rate = Callable[[], float]
MakeQueue = Callable[[Database, str], SqlQueue]


@attrs.frozen
class Medians:
    """Of messages a second; of what could not be measured, why."""

    rates: Mapping[str, float]
    reasons: Mapping[str, str]

    def row(self, ours: str, reference: str, least_ratio: float) -> Result:
        if reference in self.rates:
            medians = self.rates[ours], self.rates[reference]
            return compared(ours, reference, "messages/s", medians, least_ratio)
        return Result(
            work=ours,
            reference_work=reference,
            unit="messages/s",
            ours=self.rates[ours],
            reference=None,
            to_reach="",
            reached=True,
            note=f"{reference} not measured: {self.reasons[reference]}",
        )


def results() -> list[Result]:
    with libraries() as python:
        return [
            *_on_sqlite(python),
            *_on_postgres(python),
            *_on_redis(python),
            *imports.results(),
        ]


def _on_sqlite(python: Path) -> list[Result]:
    with TemporaryDirectory(prefix="storehouse-bench-") as folder:
        names = (Path(folder) / f"{n}.db" for n in itertools.count())
        ours = {
            _named(many, "SQLite"): lambda many=many: _ours(
                f"sqlite:///{next(names)}", many, MESSAGES // 2
            )
            for many in CONSUMERS
        }
        huey = {"huey, at most once": lambda: rate_of(python, "huey", next(names))}
        medians = _interleaved(ours | huey)
    return [medians.row(each, "huey, at most once", 1.0) for each in ours]


def _on_postgres(python: Path) -> list[Result]:
    one, four = (_named(many, "PostgreSQL") for many in CONSUMERS)
    long = f"{four}, {MESSAGES_UNDER_A_SNAPSHOT:,}"
    with postgres() as templates:
        server = templates.server
        new = partial(_new_database, server, itertools.count())
        medians = _interleaved(
            {
                "the statements, one by one": lambda: queues_by_hand.on_postgres(
                    server.url(new()), 1, MESSAGES_ONE_BY_ONE
                ),
                "the statements, by hundreds": lambda: queues_by_hand.on_postgres(
                    server.url(new()), 100, MESSAGES
                ),
                one: lambda: _ours(server.url(new(), "queues"), 1, MESSAGES),
                four: lambda: _ours(server.url(new(), "queues"), 4, MESSAGES),
                long: lambda: _ours(
                    server.url(new(), "queues"), 4, MESSAGES_UNDER_A_SNAPSHOT
                ),
                f"{long}, old snapshot": lambda: _under_a_snapshot(server, new()),
                "pgqueuer": lambda: rate_of(python, "pgqueuer", server.url(new())),
                "procrastinate": lambda: rate_of(
                    python, "procrastinate", server.url(new())
                ),
                "awa-pg": lambda: rate_of(python, "awa", server.url(new())),
            }
        )
    return [
        medians.row(one, "the statements, by hundreds", LEAST_OF_BARE),
        medians.row(four, "the statements, by hundreds", LEAST_OF_BARE),
        medians.row(one, "the statements, one by one", 1.0),
        medians.row(one, "pgqueuer", LEAST_OF_PGQUEUER),
        medians.row(one, "procrastinate", 1.0),
        medians.row(one, "awa-pg", 1.0),
        medians.row(f"{long}, old snapshot", long, LEAST_UNDER_A_SNAPSHOT),
    ]


def _on_redis(python: Path) -> list[Result]:
    """The rows are in PostgreSQL; Redis says that they are there."""
    ours, bare = _named(1, "Redis and PostgreSQL"), "redis-py alone, one by one"
    with (
        postgres() as templates,
        TemporaryDirectory(prefix="storehouse-bench-") as folder,
        RedisServer(Path(folder)) as redis,
    ):
        new = partial(_new_database, templates.server, itertools.count())
        medians = _interleaved(
            {
                bare: lambda: queues_by_hand.on_redis(redis, MESSAGES // 2),
                ours: lambda: _ours_on_redis(
                    redis, templates.server.url(new(), "queues")
                ),
                "rq": lambda: rate_of(python, "rq", redis.url),
                "dramatiq": lambda: rate_of(python, "dramatiq", redis.url),
            }
        )
    return [
        medians.row(ours, bare, LEAST_OF_REDIS),
        medians.row(ours, "rq", LEAST_OF_RQ),
        medians.row(ours, "dramatiq", 1.0),
    ]


def _named(consumers: int, on: str) -> str:
    return f"queue, {consumers} consumer{'s' if consumers > 1 else ''}, {on}"


def _interleaved(works: Mapping[str, Rate]) -> Medians:
    """The median of `ROUNDS` rounds of each; what fails is not tried again."""
    rates: dict[str, list[float]] = {work: [] for work in works}
    reasons: dict[str, str] = {}
    for _ in range(ROUNDS):
        for work, rate in works.items():
            if work not in reasons:
                try:
                    rates[work].append(rate())
                except NotMeasuredError as error:
                    reasons[work] = str(error)
    medians = {
        work: statistics.median(measured)
        for work, measured in rates.items()
        if work not in reasons
    }
    return Medians(medians, reasons)


def _sql_queue(database: Database, consumer: str) -> SqlQueue:
    return SqlQueue("work", database, consumer=consumer, settings=SETTINGS)


def _ours(
    url: str, consumers: int, messages: int, make: MakeQueue = _sql_queue
) -> float:
    with closing(Database(url)) as database:
        _create_tables(database)
        queues = [make(database, f"bench-{n}") for n in range(consumers)]
        with database.writing() as connection:
            given = [Message(name="noop", payload="{}") for _ in range(messages)]
            added = queues[0].add_within(connection, given)
        queues[0].wake(added)
        return per_second(lambda: _consume(queues, messages))


def _consume(queues: list[SqlQueue], messages: int) -> int:
    done, left = threading.Event(), itertools.count(1)

    def noop(_: Message) -> None:
        if next(left) == messages:
            done.set()

    for queue in queues:
        queue.start_consuming(SETTINGS.size, SETTINGS.poll_interval_s, noop)
    if not done.wait(TIMEOUT_S):
        raise RuntimeError("not all messages are processed")
    for queue in queues:
        queue.stop()
    if sum(queue.counts.done for queue in queues) != messages:
        raise RuntimeError("not all messages are settled")
    return messages


def _create_tables(database: Database) -> None:
    with database.maintaining() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE SCHEMA queues")
        _metadata.create_all(connection)


def _under_a_snapshot(server: PostgresServer, database: str) -> float:
    """As beside a `pg_dump`: no message that is deleted is vacuumed."""
    with closing(server.connect(database)) as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT count(*) FROM pg_class")
        return _ours(server.url(database, "queues"), 4, MESSAGES_UNDER_A_SNAPSHOT)


def _ours_on_redis(redis: RedisServer, url: str) -> float:
    redis.wipe()
    link = open_link(redis.url, clock=system_clock, jitter=random.random)

    def make(database: Database, consumer: str) -> SqlQueue:
        channel = RedisChannel(
            link, "work", database, consumer=consumer, clock=system_clock
        )
        return BrokeredQueue(
            "work",
            database,
            channel,
            origin=lambda: "bench",
            consumer=consumer,
            settings=SETTINGS,
        )

    with closing(link):
        return _ours(url, 1, MESSAGES // 2, make)


def _new_database(server: PostgresServer, numbers: Iterator[int]) -> str:
    name = f"queue_{next(numbers)}"
    server.create(name)
    return name


if __name__ == "__main__":
    show(results())
