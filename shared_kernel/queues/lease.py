"""A consumer is alive as long as others see its counter grow, by their own clocks."""

import structlog

from shared_kernel.clock import Clock, moments_of
from shared_kernel.queues import jobs
from shared_kernel.storage.database import Database

BEAT_US = 1_000_000
LEASE_US = 5_000_000

_log = structlog.get_logger(__name__)


class ConsumerLease:
    """Of `consumer`, on all that it claims in `database`."""

    def __init__(self, database: Database, consumer: str, clock: Clock) -> None:
        self._database = database
        self._consumer = consumer
        self._now = moments_of(clock)
        self._joined = False
        self._beat_at_us = 0
        # Of the others: their counter, and when it was first seen so.
        self._seen: dict[str, tuple[int, int]] = {}

    def keep(self) -> int:
        """Renew it when it is time; return how many jobs of dead consumers are free."""
        now_us = self._now().monotonic_us
        if now_us < self._beat_at_us:
            return 0
        self._beat_at_us = now_us + BEAT_US
        with self._database.writing() as connection:
            if not self._joined or not jobs.beat(connection, self._consumer):
                # Others have freed what it held: it begins anew, with other tokens.
                jobs.join(connection, self._consumer)
            beats = jobs.beats(connection)
            freed = sum(
                jobs.release(connection, each, beats[each])
                for each in self._dead(beats, now_us)
            )
        self._joined = True
        return freed

    def end(self) -> None:
        """Free what is still held, at once."""
        if self._joined:
            with self._database.writing() as connection:
                jobs.leave(connection, self._consumer)
            self._joined = False

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
            if now_us - since_us >= LEASE_US and consumer != self._consumer
        ]
        for consumer in dead:
            _log.warning("consumer is gone", consumer=consumer)
        return dead
