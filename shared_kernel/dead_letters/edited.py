"""Events that an operator has edited: who reads again applies them as edited."""

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.dead_letters.tables import NO_END, edited_events_table
from shared_kernel.storage.prepared import Prepared

_EDITED = edited_events_table(sa.MetaData())
_OF = sa.and_(
    _EDITED.c.subscription == sa.bindparam("of"),
    _EDITED.c.source == sa.bindparam("at"),
)
_BETWEEN = _EDITED.c.position.between(sa.bindparam("first"), sa.bindparam("last"))
_INSERT = insert(_EDITED)
_PUT = Prepared(
    _INSERT.on_conflict_do_update(
        index_elements=["subscription", "source", "position"],
        set_={name: _INSERT.excluded[name] for name in ("id", "type", "key", "data")},
    )
)
_EDITS = Prepared(
    sa.select(_EDITED.c.position, _EDITED.c.id, _EDITED.c.type, _EDITED.c.data).where(
        _OF, _BETWEEN
    )
)
_KEYS = Prepared(sa.select(_EDITED.c.key).where(_OF).distinct())
_COUNT = Prepared(sa.select(sa.func.count()).where(_OF).select_from(_EDITED))
_FORGET = Prepared(sa.delete(_EDITED).where(_OF))


@attrs.frozen
class Edit:
    """What the event `id` says for one subscription: `data`, of the version `type`."""

    id: str
    type: str
    data: bytes

    def made(self, envelope: Envelope) -> Envelope:
        """By the id as well: a log that was replaced has others at its positions."""
        if envelope.id != self.id:
            return envelope
        return attrs.evolve(envelope, type=self.type, data=self.data)


def put(connection: Connection, letter: DeadLetter, data: bytes) -> None:
    """Record that the event of `letter` is to be applied with `data`."""
    envelope = letter.envelope
    row = {
        "subscription": letter.subscription,
        "source": envelope.source,
        "position": envelope.position,
        "id": envelope.id,
        "type": envelope.type,
        "key": envelope.key,
        "data": data,
    }
    _PUT.write(connection, row)


def edits(
    connection: Connection,
    subscription: str,
    source: str,
    first: int = 0,
    last: int = NO_END,
) -> dict[int, Edit]:
    """By position, from `first` to `last`."""
    asked = {"of": subscription, "at": source, "first": first, "last": last}
    return {
        position: Edit(id_, type_, bytes(data))
        for position, id_, type_, data in _EDITS.rows(connection, asked)
    }


def keys(connection: Connection, subscription: str, source: str) -> set[str]:
    """The keys of which an event was edited."""
    return {
        key for (key,) in _KEYS.rows(connection, {"of": subscription, "at": source})
    }


def count(connection: Connection, subscription: str, source: str) -> int:
    row = _COUNT.row(connection, {"of": subscription, "at": source})
    return 0 if row is None else int(row[0])


def forget(connection: Connection, subscription: str, source: str) -> None:
    """Let events be applied as they were published when they are read again."""
    _FORGET.write(connection, {"of": subscription, "at": source})
