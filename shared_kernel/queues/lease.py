"""A consumer is alive as long as others see its counter grow, by their own clocks."""

import structlog
import uuid_utils

from shared_kernel.clock import Clock, moments_of
from shared_kernel.queues import jobs
from shared_kernel.storage.database import Database

BEAT_US = 1_000_000
LEASE_US = 5_000_000

_log = structlog.get_logger(__name__)


class ConsumerLease:
    """Of one consumer, on all that it claims in `database` by the name `consumer`.

    `process` is the readable part of that name. After a lost lease it has a new name.
    """

    def __init__(self, database: Database, process: str, clock: Clock) -> None:
        self._database = database
        self._process = process
        self._now = moments_of(clock)
        self._joined = False
        self._beat_at_us = 0
        # Of the others: their counter, and when it was first seen so.
        self._seen: dict[str, tuple[int, int]] = {}
        self.consumer = self._new_name()

    def keep(self) -> int:
        """Renew it when it is time; return how many jobs of dead consumers are free."""
        now_us = self._now().monotonic_us
        if now_us < self._beat_at_us:
            return 0
        with self._database.writing() as connection:
            if not (self._joined and jobs.beat(connection, self.consumer)):
                # Others have freed what it held: it begins anew, by another name.
                self.consumer = self._new_name()
                jobs.join(connection, self.consumer)
            beats = jobs.beats(connection)
            freed = sum(
                jobs.release(connection, each, beats[each])
                for each in self._dead(beats, now_us)
            )
        self._joined = True
        self._beat_at_us = now_us + BEAT_US
        return freed

    def end(self) -> None:
        """Free what is still held, at once."""
        if self._joined:
            with self._database.writing() as connection:
                jobs.leave(connection, self.consumer)
            self._joined = False
            self._beat_at_us = 0

    def _new_name(self) -> str:
        return f"{self._process}/{uuid_utils.uuid7()}"

    def _dead(self, beats: dict[str, int], now_us: int) -> list[str]:
        seen = {}
        for consumer, counter in beats.items():
            before = self._seen.get(consumer)
            same = before is not None and before[0] == counter
            seen[consumer] = before if same and before else (counter, now_us)
        self._seen = seen
        dead = [
            consumer
            for consumer, (_, since_us) in seen.items()
            if now_us - since_us >= LEASE_US and consumer != self.consumer
        ]
        for consumer in dead:
            _log.warning("consumer is gone", consumer=consumer)
        return dead
