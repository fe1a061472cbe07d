"""Messages of other programs that became rows, known by the ids that they came with.

An id is noted in the transaction that makes the message a row. So one that its broker
delivers again is no second job, whenever a process ends. It is kept for longer than a
broker keeps a message.
"""

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from shared_kernel.clock import Clock, moments_of, to_us
from shared_kernel.queues.tables import received_messages_table
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

FORGET_EVERY_US = 600_000_000

_RECEIVED = received_messages_table(sa.MetaData())
_NOTE = Prepared(
    insert(_RECEIVED).on_conflict_do_nothing().returning(_RECEIVED.c.received_us)
)
_FORGET = Prepared(
    sa.delete(_RECEIVED).where(
        _RECEIVED.c.queue == sa.bindparam("of"),
        _RECEIVED.c.received_us < sa.bindparam("before_us"),
    )
)


class ReceivedMessages:
    """Of `queue`, in its `database`; each is known for `kept_s` seconds."""

    def __init__(
        self, database: Database, queue: str, kept_s: int, clock: Clock
    ) -> None:
        self._database = database
        self._queue = queue
        self._kept_us = kept_s * 1_000_000
        self._clock = clock
        self._now = moments_of(clock)
        self._forget_at_us = 0

    def note(self, connection: Connection, ids: Sequence[str]) -> list[bool]:
        """Which of them are new, so that they become rows in this transaction."""
        now_us = to_us(self._clock())
        digests = [hashlib.sha256(each.encode()).digest() for each in ids]
        # In one order, so that no two transactions wait for each other.
        new = {
            digest
            for digest in sorted(set(digests))
            if _NOTE.row(
                connection,
                {"queue": self._queue, "digest": digest, "received_us": now_us},
            )
        }
        firsts = [digests.index(each) == place for place, each in enumerate(digests)]
        return [
            first and each in new for first, each in zip(firsts, digests, strict=True)
        ]

    def forget_old(self) -> int:
        """From time to time; return how many."""
        now_us = self._now().monotonic_us
        if now_us < self._forget_at_us:
            return 0
        self._forget_at_us = now_us + FORGET_EVERY_US
        before_us = to_us(self._clock()) - self._kept_us
        with self._database.writing() as connection:
            asked = {"of": self._queue, "before_us": before_us}
            return _FORGET.write(connection, asked)
