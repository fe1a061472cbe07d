"""A work queue of rows: the database is the queue, and nothing else is needed.

Claims move a floor: what lies behind it was taken or seen. Every second they begin at
the first row again, for jobs that came back, were committed late, or wait for an
earlier one of their key. So a transaction left open elsewhere, which keeps deleted rows
from being vacuumed, does not slow down every claim.
"""

import random
import threading
from collections.abc import Callable, Sequence

import attrs
import uuid_utils
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Clock, system_clock, to_us
from shared_kernel.events.unit_of_work import current_traceparent
from shared_kernel.queues import jobs, operating, tables
from shared_kernel.queues.consumer import Consumer, Loop, Pool, Processed, Threads
from shared_kernel.queues.lease import ConsumerLease
from shared_kernel.queues.operating import Depth, Job
from shared_kernel.queues.port import (
    Callback,
    LeaseLostError,
    Message,
    Receipt,
)
from shared_kernel.queues.settings import QueueSettings
from shared_kernel.queues.settling import Counts, Settlement
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import StorageError


class TooManyAttemptsError(Exception):
    """Its consumers ended while they processed it."""

    def __init__(self, attempts: int) -> None:
        super().__init__(f"{attempts} consumers ended while they processed it")


class SqlQueue:
    """The queue `name` in `database`; several consumers share its messages.

    `consumer` is the readable part of the name of this one.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        *,
        consumer: str,
        settings: QueueSettings | None = None,
        clock: Clock = system_clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.database = database
        self.settings = settings or QueueSettings()
        self.counts = Counts()
        self.lease = ConsumerLease(database, consumer, clock)
        self._clock = clock
        self._jitter = jitter
        self._consumer: Consumer | None = None
        self._loop: Loop | None = None
        self._threads: Threads | None = None
        self._acknowledged: set[Receipt] = set()
        self._to_announce = threading.Event()

    def add(self, name: str, payload: str) -> Message:
        return self.add_message(Message(name=name, payload=payload))

    def add_message(self, message: Message) -> Message:
        with self.database.writing() as connection:
            added = self.add_within(connection, [message])
        self.wake(added)
        return added[0]

    def add_within(
        self, connection: Connection, messages: Sequence[Message]
    ) -> list[Message]:
        added = [
            attrs.evolve(message, id=str(uuid_utils.uuid7()), attempts=0)
            for message in messages
        ]
        jobs.add(connection, self.name, added, self._now_us())
        return added

    def acknowledge(self, connection: Connection, message: Message) -> None:
        receipt = message.receipt
        if receipt is None or not jobs.finish(connection, [receipt]):
            raise _lost(message)
        self._acknowledged.add(receipt)

    def hold(self, connection: Connection, message: Message) -> None:
        receipt = message.receipt
        if receipt is None or not jobs.hold(connection, receipt):
            raise _lost(message)

    def wake(self, added: Sequence[Message] = ()) -> None:
        if self._loop is not None:
            self._loop.wake()
        else:
            self._to_announce.set()

    def look_again(self, added: Sequence[Message] = ()) -> None:
        """As `wake`, also for those behind the floor: what held them up is gone."""
        if self._consumer is not None:
            self._consumer.look_again()
        self.wake(added)

    def announce(self) -> int:
        if not self._to_announce.is_set():
            return 0
        self._to_announce.clear()
        self.database.announce(tables.TABLE)
        return 1

    @property
    def is_consumed(self) -> bool:
        """Whether this process fetches messages."""
        return self._loop is not None and self._loop.alive

    def start_consuming(
        self, size: int, poll_interval_s: float, callback: Callback
    ) -> None:
        self._threads = Threads(self.settings.pool, f"queue-{self.name}")
        consumer = self.consumer(size, callback, self._threads)
        self._loop = Loop(consumer, poll_interval_s)
        self._loop.start()

    def stop(self, timeout_s: float | None = None) -> None:
        if self._loop is not None and self._threads is not None:
            self._loop.stop(timeout_s)
            self._threads.close()
            self._loop = self._threads = None

    def consumer(self, size: int, callback: Callback, pool: Pool) -> Consumer:
        """Each of its steps fetches at most `size`, for the threads of `pool`."""
        self._consumer = Consumer(self, size, self.limited(callback), pool, self._clock)
        return self._consumer

    def close(self) -> None:
        """Nothing of its own is open."""

    # ---------------------------------------------------------------- for operators

    def broker(self) -> BrokerState:
        """What hurries its messages to their worker: here the database itself."""
        try:
            with self.database.reading():
                reachable = True
        except (SQLAlchemyError, StorageError, OSError):
            reachable = False
        return BrokerState(kind="sql", address=self.database.shown, reachable=reachable)

    def lists(self) -> dict[str, int] | None:
        """The lengths of its lists in a broker: none here. None if it is away."""
        return {}

    def depth(self) -> Depth:
        with self.database.reading() as connection:
            return operating.depth(connection, self.name)

    def parked(self) -> int:
        """How many of the waiting messages wait behind a dead letter of their key."""
        with self.database.reading() as connection:
            return operating.parked(connection, self.name)

    def first(self, most: int) -> list[Job]:
        """The oldest messages, free or not."""
        with self.database.reading() as connection:
            return operating.first(connection, self.name, most)

    def paused_since_us(self) -> int | None:
        """When it was paused, None if it is not."""
        with self.database.reading() as connection:
            return operating.paused_since_us(connection, self.name)

    def pause(self) -> bool:
        """Let no consumer fetch anything; False if it was so already."""
        with self.database.writing() as connection:
            return operating.pause(connection, self.name, self._now_us())

    def resume(self) -> bool:
        """False if it was not paused."""
        with self.database.writing() as connection:
            resumed = operating.resume(connection, self.name)
        self.wake()
        return resumed

    def purge(self) -> int:
        """Delete the waiting messages, not those in flight; return how many."""
        with self.database.writing() as connection:
            return operating.purge(connection, self.name)

    def requeue(
        self, connection: Connection, letters: Sequence[Envelope]
    ) -> list[Message]:
        """Add dead letters again, in the caller's transaction.

        They keep their ids, and their places among other messages of their keys.
        """
        messages = [message_of(letter) for letter in letters]
        numbers = [letter.position for letter in letters]
        numbered = list(zip(numbers, messages, strict=True))
        jobs.add_again(connection, self.name, numbered, self._now_us())
        return messages

    def replay(self, batch: Sequence[Envelope], connection: Connection) -> None:
        """The same."""
        self.requeue(connection, batch)

    # ---------------------------------------------------------- for its own consumer

    def exchange(
        self, processed: Sequence[Processed], most: int, floor: int
    ) -> list[Message]:
        with self.database.writing() as connection:
            settled = self._settle(connection, processed)
            claimed = self.claim(connection, most, floor) if most else []
        self._acknowledged.difference_update(
            each.message.receipt for each in processed if each.message.receipt
        )
        for name, count in attrs.asdict(settled).items():
            setattr(self.counts, name, getattr(self.counts, name) + count)
        return claimed

    def claim(self, connection: Connection, most: int, floor: int) -> list[Message]:
        return jobs.claim(
            connection,
            self.name,
            self.lease.consumer,
            most=most,
            floor=floor,
            due=self._due(),
        )

    def limited(self, callback: Callback) -> Callback:
        """`callback` in the trace of a message, for as many attempts as it has."""
        most = self.settings.max_attempts

        def limited(message: Message) -> None:
            if message.attempts > most:
                raise TooManyAttemptsError(most)
            before = current_traceparent.set(message.traceparent)
            try:
                callback(message)
            finally:
                current_traceparent.reset(before)

        return limited

    def _settle(self, connection: Connection, processed: Sequence[Processed]) -> Counts:
        settlement = Settlement(
            self.name,
            self.settings,
            connection,
            self._acknowledged,
            self._now_us(),
            self._jitter,
        )
        return settlement.settle(processed)

    def _due(self) -> jobs.Due:
        now_us = self._now_us()
        return jobs.Due(now_us, now_us + int(self.settings.max_backoff_s * 1_000_000))

    def _now_us(self) -> int:
        return to_us(self._clock())


def message_of(letter: Envelope) -> Message:
    """The message that became the dead letter."""
    return Message(
        id=letter.id,
        name=letter.type,
        payload=letter.data.decode(),
        key=None if letter.key == letter.id else letter.key,
        traceparent=letter.traceparent,
    )


def _lost(message: Message) -> LeaseLostError:
    return LeaseLostError(
        f"{message.name} {message.id}: another consumer has it by now"
    )
