"""Events that an operator has discarded for good: who reads again passes over them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.dead_letters.store import storable
from shared_kernel.dead_letters.tables import NO_END, discarded_events_table
from shared_kernel.storage.prepared import Prepared

_DISCARDED = discarded_events_table(sa.MetaData())
_OF = sa.and_(
    _DISCARDED.c.subscription == sa.bindparam("of"),
    _DISCARDED.c.source == sa.bindparam("at"),
)
_BETWEEN = _DISCARDED.c.position.between(sa.bindparam("first"), sa.bindparam("last"))
_ADD = Prepared(insert(_DISCARDED).on_conflict_do_nothing())
_IDS = Prepared(sa.select(_DISCARDED.c.position, _DISCARDED.c.id).where(_OF, _BETWEEN))
_KEYS = Prepared(sa.select(_DISCARDED.c.key).where(_OF).distinct())
_COUNT = Prepared(sa.select(sa.func.count()).where(_OF).select_from(_DISCARDED))
_FORGET = Prepared(sa.delete(_DISCARDED).where(_OF))


def add(
    connection: Connection, letter: DeadLetter, *, who: str, why: str, now_us: int
) -> None:
    """Record that `letter` was discarded; nothing, if it was so already."""
    envelope = letter.envelope
    row = {
        "subscription": letter.subscription,
        "source": envelope.source,
        "position": envelope.position,
        "id": envelope.id,
        "type": envelope.type,
        "key": envelope.key,
        "who": storable(who),
        "why": storable(why),
        "at_us": now_us,
    }
    _ADD.write(connection, row)


def positions(
    connection: Connection,
    subscription: str,
    source: str,
    first: int = 0,
    last: int = NO_END,
) -> dict[int, str]:
    """The positions of discarded events from `first` to `last`, with their ids."""
    asked = {"of": subscription, "at": source, "first": first, "last": last}
    return {row[0]: row[1] for row in _IDS.rows(connection, asked)}


def keys(connection: Connection, subscription: str, source: str) -> set[str]:
    """The keys of which an event was discarded."""
    return {
        key for (key,) in _KEYS.rows(connection, {"of": subscription, "at": source})
    }


def count(connection: Connection, subscription: str, source: str) -> int:
    row = _COUNT.row(connection, {"of": subscription, "at": source})
    return 0 if row is None else int(row[0])


def forget(connection: Connection, subscription: str, source: str) -> None:
    """Let discarded events be applied when they are read again."""
    _FORGET.write(connection, {"of": subscription, "at": source})
