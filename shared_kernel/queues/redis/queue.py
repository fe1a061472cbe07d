"""A queue of rows, whose messages reach their worker through Redis.

A message of ours is a row, committed with what caused it; its entry in Redis only says
that it is there. An entry that Redis lost is found by its row within a second; one that
Redis repeats, or that comes late, finds no free row and is dropped. A message of
another program becomes a row before it is acknowledged in Redis; if the process ends
in between, it is acknowledged by who cleans up after it (`taken.py`).

Redis is asked before and after a transaction, never within one (law 8).
"""

import random
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import attrs
import structlog
from sqlalchemy.engine import Connection

from shared_kernel.clock import Clock, moments_of, system_clock
from shared_kernel.queues import jobs
from shared_kernel.queues.consumer import SWEEP_US, Processed
from shared_kernel.queues.lease import ConsumerLease
from shared_kernel.queues.port import Callback, LeaseLostError, Message
from shared_kernel.queues.redis import layout
from shared_kernel.queues.redis.connection import RmqConnection, new_name
from shared_kernel.queues.redis.entries import entry_of_row
from shared_kernel.queues.redis.link import Link, RedisAwayError
from shared_kernel.queues.redis.offer import EntryCounts, Offer
from shared_kernel.queues.redis.taken import TakenEntries, is_among
from shared_kernel.queues.redis.waiter import Waiter
from shared_kernel.queues.settings import QueueSettings
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.storage.database import Database

if TYPE_CHECKING:
    from redis import Redis

PUSHED_AT_ONCE = 1000

_log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class ListDepth:
    """How long its lists in Redis are. `ready` has entries of rows, also stale ones."""

    ready: int
    rejected: int


class _Lease(ConsumerLease):
    """On the rows; with it goes the heartbeat of the connection that hurries them."""

    def __init__(
        self,
        database: Database,
        process: str,
        clock: Clock,
        rmq: RmqConnection,
        close: Callable[[], None],
    ) -> None:
        super().__init__(database, process, clock)
        self._rmq = rmq
        self._close = close

    def keep(self) -> int:
        freed = super().keep()
        self._rmq.keep()
        return freed

    def end(self) -> None:
        self._close()
        super().end()


class RedisQueue(SqlQueue):
    """`origin` names the database, so that no other one takes its rows for its own.

    It is asked when it is first needed. `listed` is rmq's name of the queue.
    `consumer` is the readable part of the names of its consumer and its connection.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        link: Link,
        *,
        origin: Callable[[], str],
        listed: str,
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
        self._link = link
        self._ask_origin = origin
        self._listed = listed
        self._key = listed.encode()
        name = new_name(consumer)
        self._taken = TakenEntries(database, name)
        self._rmq = RmqConnection(link, listed, name, clock, self._taken)
        self.lease = _Lease(database, consumer, clock, self._rmq, self._let_go)
        self._waiter: Waiter | None = None
        self._moments = moments_of(clock)
        self._offer = Offer(name, "")
        self._floor = 0
        self._rows_at_us = 0

    @cached_property
    def _origin(self) -> str:
        return self._ask_origin()

    def wake(self, added: Sequence[Message] = ()) -> None:
        """Tell Redis what was added, and look for messages now.

        An entry of what was rolled back is dropped by who takes it.
        """
        self._push(added)
        super().wake()

    def start_consuming(
        self, size: int, poll_interval_s: float, callback: Callback
    ) -> None:
        self._waiter = Waiter(self._link, self._listed, super().wake)
        super().start_consuming(size, poll_interval_s, callback)
        self._waiter.start()

    def stop(self, timeout_s: float | None = None) -> None:
        if self._waiter is not None:
            self._waiter.stop()
        super().stop(timeout_s)
        self._waiter = None

    def close(self) -> None:
        self._link.close()

    # ---------------------------------------------------------------- for operators

    def lists(self) -> dict[str, int] | None:
        depth = self.list_depth()
        return None if depth is None else attrs.asdict(depth)

    def list_depth(self) -> ListDepth | None:
        """None while Redis is away."""

        def look(client: "Redis") -> ListDepth:
            ready: Any = client.llen(layout.ready(self._key))
            rejected: Any = client.llen(layout.rejected(self._key))
            return ListDepth(ready=ready, rejected=rejected)

        try:
            return self._link.ask(look)
        except RedisAwayError:
            return None

    def purge(self) -> int:
        """Delete the waiting messages, in Redis too; return how many rows.

        Raises RedisAwayError, and deletes nothing then.
        """
        self._link.ask(lambda client: client.delete(layout.ready(self._key)))
        return super().purge()

    # ---------------------------------------------------------- for its own consumer

    def exchange(
        self, processed: Sequence[Processed], most: int, floor: int
    ) -> list[Message]:
        paused = not most or self.paused_since_us() is not None
        by_rows = (most + 1) // 2 if self._rows_are_due() else 0
        wanted = not paused and self._is_certain()
        raws = self._rmq.take(most - by_rows) if wanted else []
        self._offer = offer = Offer(self.name, self._origin, raws, by_rows)
        try:
            claimed = super().exchange(processed, most, floor)
        except Exception:
            # Perhaps it was committed all the same.
            self._taken.doubt()
            self._rmq.doubt()
            raise
        if len(claimed) < most and not paused and self._waiter is not None:
            self._waiter.arm()
        told = self._rmq.settle(offer.acknowledged, offer.rejected)
        self._taken.are_committed(told)
        if offer.stranger is not None and not self.entries.strange:
            _log.error(
                "entries are rows of another database",
                queue=self.name,
                origin=offer.stranger,
                hint="two databases must not share a queue in Redis",
            )
        self.entries.add(offer.counts)
        return claimed

    def claim(self, connection: Connection, most: int, floor: int) -> list[Message]:
        """Of the offered ones, and as many by their rows as there is room.

        Once a second half of them are by their rows, the oldest first: those that Redis
        lost, and those that are due again, do not wait until its list is empty.
        """
        claimed: list[Message] = []
        if by_rows := self._offer.by_rows:
            claimed += self._claim_rows(connection, by_rows, 0)
        claimed += self._claim_offered(connection, most - len(claimed))
        if room := most - len(claimed):
            claimed += self._claim_rows(connection, room, floor and self._floor)
        return claimed

    def _is_certain(self) -> bool:
        """After a doubt: acknowledge what is a row. False while Redis is away."""
        if self._taken.in_doubt:
            noted = self._taken.doubtful()
            if not self._rmq.acknowledge(partial(is_among, noted)):
                return False
            self._taken.resolve()
        return True

    def _let_go(self) -> None:
        """Others can have what is held in Redis; what is a row is not put back."""
        if self._is_certain():
            self._rmq.close()
            self._taken.end()

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
        # Whatever another program wrote is a row before Redis may forget it.
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
        self._taken.note(connection, [raw for raw, _ in foreign])
        return self.add_within(connection, [message for _, message in foreign])

    def _claim_those(self, connection: Connection, ids: Sequence[str]) -> list[Message]:
        return jobs.claim_those(
            connection, self.name, self.lease.consumer, ids, self._due()
        )

    def _push(self, messages: Sequence[Message]) -> None:
        for first in range(0, len(messages), PUSHED_AT_ONCE):
            some = messages[first : first + PUSHED_AT_ONCE]
            raws = [entry_of_row(message, self._origin) for message in some]
            try:
                self._link.ask(partial(_push, queue=self._key, raws=raws))
            except RedisAwayError:
                # Their rows are found. That it is away stands in the log already.
                return


def _push(client: "Redis", *, queue: bytes, raws: Sequence[bytes]) -> None:
    client.lpush(layout.ready(queue), *raws)
