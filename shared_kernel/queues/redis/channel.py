"""Hurries messages through the lists of rmq.

A message of another program stays in Redis until it is a row; if the process ends in
between, it is acknowledged by who cleans up after it (`taken.py`).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from shared_kernel.buses.broker import BrokerState
from shared_kernel.clock import Clock
from shared_kernel.queues.channel import Entry
from shared_kernel.queues.port import BrokerAwayError, Message
from shared_kernel.queues.redis import layout
from shared_kernel.queues.redis.connection import RmqConnection, new_name
from shared_kernel.queues.redis.entries import entry_of, entry_of_row
from shared_kernel.queues.redis.link import RedisLink
from shared_kernel.queues.redis.taken import TakenEntries, is_among
from shared_kernel.queues.redis.waiter import Waiter
from shared_kernel.storage.database import Database

if TYPE_CHECKING:
    from redis import Redis

PUSHED_AT_ONCE = 1000


class RedisChannel:
    """`listed` is rmq's name of the queue; `database` has its rows.

    `consumer` is the readable part of the name of its connection.
    """

    def __init__(
        self,
        link: RedisLink,
        listed: str,
        database: Database,
        *,
        consumer: str,
        clock: Clock,
    ) -> None:
        name = new_name(consumer)
        self._link = link
        self._listed = listed
        self._key = listed.encode()
        self._taken = TakenEntries(database, name)
        self.rmq = RmqConnection(link, listed, name, clock, self._taken)
        self._waiter: Waiter | None = None

    def push(self, messages: Sequence[Message], origin: str) -> None:
        for first in range(0, len(messages), PUSHED_AT_ONCE):
            some = messages[first : first + PUSHED_AT_ONCE]
            raws = [entry_of_row(message, origin) for message in some]
            try:
                self._link.ask(partial(_push, queue=self._key, raws=raws))
            except BrokerAwayError:
                # Their rows are found. That it is away stands in the log already.
                return

    def start(self, wake: Callable[[], None]) -> None:
        self._waiter = Waiter(self._link, self._listed, wake)
        self._waiter.start()

    def stop(self) -> None:
        if self._waiter is not None:
            self._waiter.stop()
            self._waiter = None

    def arm(self) -> None:
        if self._waiter is not None:
            self._waiter.arm()

    def take(self, most: int) -> list[Entry]:
        if not self._is_certain():
            return []
        return [entry_of(raw) for raw in self.rmq.take(most)]

    def note(self, connection: Connection, foreign: Sequence[Entry]) -> list[Entry]:
        self._taken.note(connection, [each.place for each in foreign])
        return list(foreign)

    def settle(self, acknowledged: Sequence[Entry], rejected: Sequence[Entry]) -> None:
        told = self.rmq.settle(
            [each.place for each in acknowledged], [each.place for each in rejected]
        )
        self._taken.are_committed(told)

    def doubt(self) -> None:
        self._taken.doubt()
        self.rmq.doubt()

    def keep(self) -> None:
        self.rmq.keep()

    def let_go(self) -> None:
        """Others can have what is held in Redis; what is a row is not put back."""
        if self._is_certain():
            self.rmq.close()
            self._taken.end()

    def broker(self) -> BrokerState:
        return self._link.broker.state()

    def lists(self) -> dict[str, int] | None:
        """`ready` has entries of rows, also stale ones."""

        def look(client: "Redis") -> dict[str, int]:
            ready: Any = client.llen(layout.ready(self._key))
            rejected: Any = client.llen(layout.rejected(self._key))
            return {"ready": ready, "rejected": rejected}

        try:
            return self._link.ask(look)
        except BrokerAwayError:
            return None

    def purge(self) -> None:
        self._link.ask(lambda client: client.delete(layout.ready(self._key)))

    def close(self) -> None:
        self._link.close()

    def _is_certain(self) -> bool:
        """After a doubt: acknowledge what is a row. False while Redis is away."""
        if self._taken.in_doubt:
            noted = self._taken.doubtful()
            if not self.rmq.acknowledge(partial(is_among, noted)):
                return False
            self._taken.resolve()
        return True


def _push(client: "Redis", *, queue: bytes, raws: Sequence[bytes]) -> None:
    client.lpush(layout.ready(queue), *raws)
