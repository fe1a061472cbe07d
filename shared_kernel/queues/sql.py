"""A work queue of rows: the database is the queue, and nothing else is needed.

Claims move a floor: what lies behind it was taken or seen. Every second they begin at
the first row again, for jobs that came back, were committed late, or wait for an
earlier one of their key. So a transaction left open elsewhere, which keeps deleted rows
from being vacuumed, does not slow down every claim.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import attrs
import structlog
import uuid_utils
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Clock, system_clock, to_us
from shared_kernel.events import dead_letters
from shared_kernel.events.errors import reason_of
from shared_kernel.queues import jobs
from shared_kernel.queues.consumer import Consumer, Loop
from shared_kernel.queues.jobs import Depth, Job
from shared_kernel.queues.lease import ConsumerLease
from shared_kernel.queues.port import Callback, LeaseLostError, Message
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import is_fault

SOURCE = "queue"
"""Of its dead letters."""

_log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class QueueSettings:
    """How a queue is consumed. Times are in seconds.

    A rejected message is delivered again after `backoff_s`, doubled at each attempt, up
    to `max_backoff_s`, with jitter; after `max_attempts` it is a dead letter.
    """

    max_attempts: int = 5
    backoff_s: float = 1.0
    max_backoff_s: float = 300.0
    pool: int = 4


@attrs.define
class Counts:
    """Of this consumer, since it began."""

    done: int = 0
    rejected: int = 0
    dead: int = 0
    lost_leases: int = 0


class SqlQueue:
    """The queue `name` in `database`; several consumers share its messages.

    `consumer` names this one, among all there ever are.
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
        self.counts = Counts()
        self._database = database
        self._consumer = f"{consumer}/{uuid_utils.uuid7()}"
        self._settings = settings or QueueSettings()
        self._clock = clock
        self._jitter = jitter
        self._loop: Loop | None = None
        self.lease = ConsumerLease(database, self._consumer, clock)

    def add(self, name: str, payload: str) -> Message:
        return self.add_message(Message(name=name, payload=payload))

    def add_message(self, message: Message) -> Message:
        with self._database.writing() as connection:
            (added,) = self.add_within(connection, [message])
        self.wake()
        return added

    def add_within(
        self, connection: Connection, messages: Sequence[Message]
    ) -> list[Message]:
        """Store messages in the caller's transaction, with what caused them (law 1).

        After the commit, `wake` has them processed at once.
        """
        added = [
            attrs.evolve(message, id=str(uuid_utils.uuid7()), attempts=0)
            for message in messages
        ]
        jobs.add(connection, self.name, added, to_us(self._clock()))
        return added

    def depth(self) -> Depth:
        with self._database.reading() as connection:
            return jobs.depth(connection, self.name)

    def wake(self) -> None:
        if self._loop is not None:
            self._loop.wake()

    def start_consuming(
        self, size: int, poll_interval_s: float, callback: Callback
    ) -> None:
        pool = ThreadPoolExecutor(self._settings.pool, f"queue-{self.name}")
        self._loop = Loop(
            self.consumer(size, callback, pool), poll_interval_s, pool.shutdown
        )
        self._loop.start()

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.stop()
            self._loop = None

    def consumer(self, size: int, callback: Callback, pool: Executor) -> Consumer:
        """Each of its steps fetches at most `size`, for the threads of `pool`."""
        return Consumer(self, size, callback, pool, self._clock)

    # ------------------------------------------------------------ for its consumers

    def claim(self, most: int, floor: int) -> list[Job]:
        with self._database.writing() as connection:
            return jobs.claim(
                connection,
                self.name,
                self._consumer,
                most=most,
                floor=floor,
                now_us=to_us(self._clock()),
            )

    def process(self, job: Job, callback: Callback) -> None:
        """Deliver, then acknowledge or reject. Raises nothing."""
        try:
            self._process(job, callback)
        except LeaseLostError as error:
            self.counts.lost_leases += 1
            _log.warning("job lost its lease", queue=self.name, error=str(error))
        except Exception as error:
            # It stays claimed: its lease ends with this consumer.
            if not is_fault(error):
                raise
            _log.warning("job cannot be settled", queue=self.name, error=str(error))

    def _process(self, job: Job, callback: Callback) -> None:
        try:
            if job.message.attempts > self._settings.max_attempts:
                raise TooManyAttemptsError(self._settings.max_attempts)
            callback(job.message)
        except Exception as error:
            if isinstance(error, LeaseLostError):
                raise
            self._reject(job, error)
            return
        with self._database.writing() as connection:
            jobs.finish(connection, job)
        self.counts.done += 1

    def _reject(self, job: Job, error: Exception) -> None:
        attempts = job.message.attempts
        if attempts < self._settings.max_attempts:
            with self._database.writing() as connection:
                jobs.reject(connection, job, self._again_us(attempts))
            self.counts.rejected += 1
            return
        with self._database.writing() as connection:
            jobs.finish(connection, job)
            dead_letters.add(
                connection,
                self.name,
                [self._as_envelope(job)],
                state=dead_letters.DEAD,
                reason=reason_of(error),
                attempts=attempts,
                now_us=to_us(self._clock()),
            )
        self.counts.dead += 1
        _log.error(
            "message dead-lettered",
            queue=self.name,
            message_id=job.message.id,
            attempts=attempts,
            reason=reason_of(error),
        )

    def _again_us(self, attempts: int) -> int:
        settings = self._settings
        longest_s = min(
            settings.backoff_s * 2 ** (attempts - 1), settings.max_backoff_s
        )
        wait_s = longest_s * (0.5 + self._jitter() / 2)
        return to_us(self._clock()) + int(wait_s * 1_000_000)

    def _as_envelope(self, job: Job) -> Envelope:
        return Envelope(
            position=job.number,
            id=job.message.id,
            source=SOURCE,
            type=job.message.name,
            key=job.message.key or job.message.id,
            time_us=to_us(self._clock()),
            traceparent=None,
            data=job.message.payload.encode(),
        )


class TooManyAttemptsError(Exception):
    """Its consumers ended while they processed it."""

    def __init__(self, attempts: int) -> None:
        super().__init__(f"{attempts} consumers ended while they processed it")
