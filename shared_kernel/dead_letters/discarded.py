"""Events that an operator has discarded for good: who reads again passes over them."""

from collections.abc import Mapping, Sequence, Set

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.dead_letters.store import keys_among, storable
from shared_kernel.dead_letters.tables import dead_letters_table, discarded_events_table
from shared_kernel.storage.prepared import Prepared

NO_END = 2**63 - 1

_metadata = sa.MetaData()
_DISCARDED = discarded_events_table(_metadata)
_LETTERS = dead_letters_table(_metadata)
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
_BLOCKED = (
    sa.select(_LETTERS.c.key)
    .where(
        _LETTERS.c.subscription == sa.bindparam("of"),
        _LETTERS.c.source == sa.bindparam("at"),
    )
    .distinct()
    .limit(sa.bindparam("most", type_=sa.Integer))
    .subquery()
)
# One question for each batch that a subscription applies.
_WITHHELD = Prepared(
    sa.union_all(
        sa.select(_BLOCKED.c.key, sa.literal_column("0").label("position")),
        sa.select(_DISCARDED.c.id, _DISCARDED.c.position).where(_OF, _BETWEEN),
    )
)
MOST_KEYS = 100
"""If more have dead letters, those of the batch are looked up one by one."""


@attrs.frozen
class Withheld:
    """What a subscription must not apply of a batch.

    Events of `keys` park behind a dead letter; those in `discarded`, ids by position,
    are passed over.
    """

    keys: Set[str]
    discarded: Mapping[int, str]

    def __bool__(self) -> bool:
        return bool(self.keys or self.discarded)

    def is_discarded(self, envelope: Envelope) -> bool:
        """By the id as well: a log that was replaced has others at its positions."""
        return self.discarded.get(envelope.position) == envelope.id

    def is_parked(self, envelope: Envelope) -> bool:
        return envelope.key in self.keys and not self.is_discarded(envelope)

    def is_applicable(self, envelope: Envelope) -> bool:
        return envelope.key not in self.keys and not self.is_discarded(envelope)


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


def withheld(
    connection: Connection, subscription: str, source: str, batch: Sequence[Envelope]
) -> Withheld:
    """`batch` is in order, and not empty."""
    asked = {
        "of": subscription,
        "at": source,
        "first": batch[0].position,
        "last": batch[-1].position,
        "most": MOST_KEYS + 1,
    }
    rows = _WITHHELD.rows(connection, asked)
    keys = {text for text, position in rows if not position}
    if len(keys) > MOST_KEYS:
        own = {envelope.key for envelope in batch}
        keys = keys_among(connection, subscription, source, own)
    return Withheld(keys, {position: text for text, position in rows if position})


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
