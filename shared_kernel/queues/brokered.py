"""A queue of rows, whose messages reach their worker through a broker.

A message of ours is a row, committed with what caused it; its entry in the broker only
says that it is there. An entry that was lost is found by its row within a second; one
that is repeated, or that comes late, finds no free row and is dropped. A message of
another program becomes a row before it is acknowledged to the broker, and one row only,
whenever a process ends.

The broker is asked before and after a transaction, never within one (law 8).
"""

import random
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Generic, TypeVar

import structlog
from sqlalchemy.engine import Connection

from shared_kernel.buses.broker import BrokerState
from shared_kernel.clock import Clock, moments_of, system_clock
from shared_kernel.queues import jobs
from shared_kernel.queues.channel import Channel
from shared_kernel.queues.consumer import SWEEP_US, Processed
from shared_kernel.queues.lease import ConsumerLease
from shared_kernel.queues.offer import EntryCounts, Offer
from shared_kernel.queues.port import Callback, LeaseLostError, Message
from shared_kernel.queues.settings import QueueSettings
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.storage.database import Database

C = TypeVar("C", bound=Channel)

_log = structlog.get_logger(__name__)


class _Lease(ConsumerLease):
    """On the rows; with it goes what the consumer holds of its channel."""

    def __init__(
        self, database: Database, process: str, clock: Clock, channel: Channel
    ) -> None:
        super().__init__(database, process, clock)
        self._channel = channel

    def keep(self) -> int:
        freed = super().keep()
        self._channel.keep()
        return freed

    def end(self) -> None:
        self._channel.let_go()
        super().end()


class BrokeredQueue(SqlQueue, Generic[C]):
    """`origin` names the database, so that no other one takes its rows for its own.

    It is asked when it is first needed. `consumer` is the readable part of the name of
    this one.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        channel: C,
        *,
        origin: Callable[[], str],
        consumer: str,
        settings: QueueSettings | None = None,
        clock: Clock = system_clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(
            name,
            database,
            consumer=consumer,
            settings=settings,
            clock=clock,
            jitter=jitter,
        )
        self.entries = EntryCounts()
        self.channel = channel
        self._ask_origin = origin
        self.lease = _Lease(database, consumer, clock, channel)
        self._moments = moments_of(clock)
        self._offer = Offer(name, "")
        self._floor = 0
        self._rows_at_us = 0

    @cached_property
    def _origin(self) -> str:
        return self._ask_origin()

    def wake(self, added: Sequence[Message] = ()) -> None:
        """Tell the broker what was added, and look for messages now.

        An entry of what was rolled back is dropped by who takes it.
        """
        if added:
            self.channel.push(added, self._origin)
        super().wake()

    def start_consuming(
        self, size: int, poll_interval_s: float, callback: Callback
    ) -> None:
        self.channel.start(self._look)
        super().start_consuming(size, poll_interval_s, callback)

    def stop(self, timeout_s: float | None = None) -> None:
        self.channel.stop()
        super().stop(timeout_s)

    def close(self) -> None:
        self.channel.close()

    # ---------------------------------------------------------------- for operators

    def broker(self) -> BrokerState:
        return self.channel.broker()

    def lists(self) -> dict[str, int] | None:
        return self.channel.lists()

    def purge(self) -> int:
        """Delete the waiting messages, in the broker too; return how many rows.

        Raises BrokerAwayError, and deletes nothing then.
        """
        self.channel.purge()
        return super().purge()

    # ---------------------------------------------------------- for its own consumer

    def exchange(
        self, processed: Sequence[Processed], most: int, floor: int
    ) -> list[Message]:
        paused = not most or self.paused_since_us() is not None
        by_rows = (most + 1) // 2 if self._rows_are_due() else 0
        entries = [] if paused else self.channel.take(most - by_rows)
        self._offer = offer = Offer(self.name, self._origin, entries, by_rows)
        try:
            claimed = super().exchange(processed, most, floor)
        except Exception:
            # Perhaps it was committed all the same.
            self.channel.doubt()
            raise
        if len(claimed) < most and not paused:
            self.channel.arm()
        self.channel.settle(offer.acknowledged, offer.rejected)
        self._count(offer)
        return claimed

    def claim(self, connection: Connection, most: int, floor: int) -> list[Message]:
        """Of the offered ones, and as many by their rows as there is room.

        Once a second half of them are by their rows, the oldest first: those that the
        broker lost, and those that are due again, do not wait until its list is empty.
        """
        claimed: list[Message] = []
        if by_rows := self._offer.by_rows:
            claimed += self._claim_rows(connection, by_rows, 0)
        claimed += self._claim_offered(connection, most - len(claimed))
        if room := most - len(claimed):
            claimed += self._claim_rows(connection, room, floor and self._floor)
        return claimed

    def _look(self) -> None:
        if self._loop is not None:
            self._loop.wake()

    def _rows_are_due(self) -> bool:
        now_us = self._moments().monotonic_us
        due = now_us >= self._rows_at_us
        if due:
            self._rows_at_us = now_us + SWEEP_US
        return due

    def _claim_rows(
        self, connection: Connection, most: int, floor: int
    ) -> list[Message]:
        claimed = super().claim(connection, most, floor)
        last = claimed[-1].receipt if claimed else None
        self._floor = last.number if last else floor
        return claimed

    def _claim_offered(self, connection: Connection, most: int) -> list[Message]:
        offer = self._offer
        offer.sort(most)
        # Whatever another program wrote is a row before the broker may forget it.
        added = self._add_foreign(connection)
        ids = offer.ids + [each.id for each in added]
        claimed = self._claim_those(connection, ids) if ids else []
        offer.counts.stale = len(ids) - len(claimed)
        return claimed

    def _add_foreign(self, connection: Connection) -> list[Message]:
        foreign = self._offer.foreign
        # Who was seen dead has taken nothing: others have it.
        if foreign and not jobs.is_alive(connection, self.lease.consumer):
            raise LeaseLostError(f"{self.name}: it was seen dead meanwhile")
        new = self.channel.note(connection, foreign)
        self._offer.counts.repeated = len(foreign) - len(new)
        return self.add_within(
            connection, [each.message for each in new if each.message]
        )

    def _claim_those(self, connection: Connection, ids: Sequence[str]) -> list[Message]:
        return jobs.claim_those(
            connection, self.name, self.lease.consumer, ids, self._due()
        )

    def _count(self, offer: Offer) -> None:
        if offer.stranger is not None and not self.entries.strange:
            _log.error(
                "entries are rows of another database",
                queue=self.name,
                origin=offer.stranger,
                hint="two databases must not share a queue in a broker",
            )
        self.entries.add(offer.counts)
