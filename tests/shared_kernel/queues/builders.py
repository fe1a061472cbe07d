"""Queues of a test, and callbacks and pools that it controls."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import attrs
import sqlalchemy as sa

from shared_kernel.clock import Clock
from shared_kernel.dead_letters.tables import (
    dead_letter_repairs_table,
    dead_letters_table,
    discarded_events_table,
    edited_events_table,
)
from shared_kernel.events.cursors import cursors_table
from shared_kernel.queues.consumer import Consumer
from shared_kernel.queues.port import Message
from shared_kernel.queues.settings import QueueSettings
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.queues.tables import (
    job_consumers_table,
    jobs_table,
    paused_queues_table,
    received_messages_table,
    taken_entries_table,
)
from shared_kernel.storage.database import Database
from tests.queues import AtOnce
from tests.shared_kernel.events.builders import ManualClock

SETTINGS = QueueSettings(max_attempts=3, backoff_s=1)

_metadata = sa.MetaData()
for table in (
    jobs_table,
    job_consumers_table,
    paused_queues_table,
    taken_entries_table,
    received_messages_table,
    dead_letters_table,
    dead_letter_repairs_table,
    discarded_events_table,
    edited_events_table,
    cursors_table,
):
    table(_metadata)


@contextmanager
def a_database(url: str) -> Iterator[Database]:
    database = Database(url)
    with database.maintaining() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS new")
        _metadata.create_all(connection)
    yield database
    database.close()


class Make(Protocol):
    def __call__(self, database: Database, consumer: str, clock: Clock) -> SqlQueue: ...


@attrs.frozen
class Bench:
    """`make` makes a queue, or another consumer of the same one."""

    database: Database
    make: Make
    clock: ManualClock = attrs.field(factory=ManualClock)

    def queue(self, consumer: str = "one", clock: Clock | None = None) -> SqlQueue:
        return self.make(self.database, consumer, clock or self.clock)


def sql_queue(database: Database, consumer: str, clock: Clock) -> SqlQueue:
    return SqlQueue(
        "work",
        database,
        consumer=consumer,
        settings=SETTINGS,
        clock=clock,
        jitter=lambda: 1.0,
    )


class Later:
    """Runs what was submitted when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []

    def submit(self, run: Callable[[Message], None], message: Message) -> None:
        self.waiting.append(partial(run, message))

    def run(self) -> None:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each()


class Heard:
    """A callback that keeps what it was given, and fails on request."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.failing: set[str] = set()

    def __call__(self, message: Message) -> None:
        self.messages.append(message)
        if message.payload in self.failing:
            raise ValueError(message.payload)

    @property
    def payloads(self) -> list[str]:
        return [message.payload for message in self.messages]


def consuming(queue: SqlQueue, size: int = 10) -> tuple[Consumer, Heard]:
    heard = Heard()
    return queue.consumer(size, heard, AtOnce()), heard


def idle(consumer: Consumer) -> None:
    """Step it until there is nothing to do."""
    while consumer.step():
        pass
