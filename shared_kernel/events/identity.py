"""The identity of a log, and the keys that seal its envelopes (law 11).

A log gets its identity and its key when its tables are created. A backup has the same
ones, a new database has others.
"""

from hashlib import blake2b
from secrets import token_hex
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection
from uuid_utils import uuid7

from shared_kernel.storage.prepared import Prepared

KEY_BYTES = 32
DIGEST_BYTES = 8
MOST_RELAYS = 100
"""How many relays are remembered, the newest first; each start of a process adds one.
Events from older relays that are still in transit are read from the log."""


def identity_table(metadata: sa.MetaData) -> sa.Table:
    """One row. `former_key`, if there is one, sealed events up to `former_until`."""
    return sa.Table(
        "log_identity",
        metadata,
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("log", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("former_key", sa.Text),
        sa.Column("former_until", sa.BigInteger),
    )


def relays_table(metadata: sa.MetaData) -> sa.Table:
    """The relays of the log. Each is noted before it publishes.

    A copy of the database lacks those that were noted later.
    """
    return sa.Table(
        "log_relays",
        metadata,
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("relay", sa.Text, nullable=False, unique=True),
    )


def compacted_table(metadata: sa.MetaData) -> sa.Table:
    """For each event that a compaction deleted, the `digest` of its id."""
    return sa.Table(
        "compacted_events",
        metadata,
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )


IDENTITY = identity_table(sa.MetaData())
_RELAYS = relays_table(sa.MetaData())
_READ = Prepared(
    sa.select(
        IDENTITY.c.log, IDENTITY.c.key, IDENTITY.c.former_key, IDENTITY.c.former_until
    )
)
_NEWEST = Prepared(
    sa.select(_RELAYS.c.relay).order_by(_RELAYS.c.number.desc()).limit(MOST_RELAYS)
)
_FORGET = Prepared(sa.delete(_RELAYS).where(_RELAYS.c.relay == sa.bindparam("fresh")))
_NOTE = Prepared(
    insert(_RELAYS)
    .values(relay=sa.bindparam("fresh"))
    .on_conflict_do_nothing(index_elements=[_RELAYS.c.relay])
)
_NEW_KEY = Prepared(
    sa.update(IDENTITY).values(
        former_key=IDENTITY.c.key,
        former_until=sa.bindparam("head"),
        key=sa.bindparam("fresh"),
    )
)
_NEW_IDENTITY = Prepared(
    sa.update(IDENTITY).values(
        log=sa.bindparam("becomes"),
        key=sa.bindparam("fresh"),
        former_key=None,
        former_until=None,
    )
)


@attrs.frozen
class LogKeys:
    """The keys that seal the envelopes of `log`.

    `former` is for those up to position `former_until`: they were in the log when the
    key changed, and may still be in transit. `relays` are those that publish the log,
    or once did.
    """

    log: str
    key: str = attrs.field(repr=False)
    former: str | None = attrs.field(default=None, repr=False)
    former_until: int | None = None
    relays: tuple[str, ...] = ()

    def for_position(self, position: int) -> tuple[str, ...]:
        """The keys that may have sealed the event at `position`."""
        if self.former and position <= (self.former_until or 0):
            return self.key, self.former
        return (self.key,)


def new_identity_row() -> dict[str, Any]:
    """The row of a log that is new."""
    return {"number": 1, "log": str(uuid7()), "key": token_hex(KEY_BYTES)}


def keys_of(connection: Connection) -> LogKeys:
    log, key, former, former_until = _READ.row(connection, {}) or ("", "", None, None)
    relays = tuple(relay for (relay,) in _NEWEST.rows(connection, {}))
    return LogKeys(log, key, former, former_until, relays)


def note_relay(connection: Connection, relay: str) -> None:
    """Record that `relay` publishes this log, as the newest one."""
    _FORGET.write(connection, {"fresh": relay})
    _NOTE.write(connection, {"fresh": relay})


def change_key(connection: Connection, head: int) -> None:
    """Set a new key; events up to `head` may have been sealed with the former one."""
    fresh = token_hex(KEY_BYTES)
    _NEW_KEY.write(connection, {"head": head, "fresh": fresh})


def change_identity(connection: Connection) -> str:
    """Give this log a new identity and return it."""
    fresh = new_identity_row()
    _NEW_IDENTITY.write(connection, {"becomes": fresh["log"], "fresh": fresh["key"]})
    return str(fresh["log"])


def digest_of(id_: str) -> bytes:
    """A digest of eight bytes of an event's id."""
    return blake2b(id_.encode(), digest_size=DIGEST_BYTES).digest()
