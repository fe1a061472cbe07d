"""What a subscription does not apply as the log has it: parked, discarded, edited."""

from collections.abc import Mapping, Sequence, Set

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import edited
from shared_kernel.dead_letters.edited import Edit
from shared_kernel.dead_letters.store import keys_among
from shared_kernel.dead_letters.tables import (
    dead_letters_table,
    discarded_events_table,
    edited_events_table,
)
from shared_kernel.storage.prepared import Prepared

_metadata = sa.MetaData()
_DISCARDED = discarded_events_table(_metadata)
_EDITED = edited_events_table(_metadata)
_LETTERS = dead_letters_table(_metadata)
_KEY, _WAS_DISCARDED, _WAS_EDITED = range(3)
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


def _within_the_batch(table: sa.Table, what: int) -> sa.Select[tuple[str, int, int]]:
    return sa.select(
        table.c.id, table.c.position, sa.literal_column(str(what), sa.Integer)
    ).where(
        table.c.subscription == sa.bindparam("of"),
        table.c.source == sa.bindparam("at"),
        table.c.position.between(sa.bindparam("first"), sa.bindparam("last")),
    )


# One question for each batch that a subscription applies.
_DEVIATIONS = Prepared(
    sa.union_all(
        sa.select(
            _BLOCKED.c.key,
            sa.literal_column("0").label("position"),
            sa.literal_column(str(_KEY), sa.Integer).label("what"),
        ),
        _within_the_batch(_DISCARDED, _WAS_DISCARDED),
        _within_the_batch(_EDITED, _WAS_EDITED),
    )
)
MOST_KEYS = 100
"""If more have dead letters, those of the batch are looked up one by one."""


@attrs.frozen
class Deviations:
    """Where a subscription deviates from the log in a batch.

    Events of `keys` park behind a dead letter; those in `discarded`, ids by position,
    are passed over; `edits`, by position, are applied as an operator has edited them.
    """

    keys: Set[str]
    discarded: Mapping[int, str]
    edits: Mapping[int, Edit] = attrs.field(factory=dict)

    def __bool__(self) -> bool:
        return bool(self.keys or self.discarded or self.edits)

    def is_discarded(self, envelope: Envelope) -> bool:
        """By the id as well: a log that was replaced has others at its positions."""
        return self.discarded.get(envelope.position) == envelope.id

    def parked(self, batch: Sequence[Envelope]) -> list[Envelope]:
        """As the log has them."""
        return [
            each
            for each in batch
            if each.key in self.keys and not self.is_discarded(each)
        ]

    def applicable(self, batch: Sequence[Envelope]) -> list[Envelope]:
        """What is neither parked nor discarded, as edited."""
        return [
            edit.made(each) if (edit := self.edits.get(each.position)) else each
            for each in batch
            if each.key not in self.keys and not self.is_discarded(each)
        ]


def deviations(
    connection: Connection, subscription: str, source: str, batch: Sequence[Envelope]
) -> Deviations:
    """`batch` is in order, and not empty."""
    first, last = batch[0].position, batch[-1].position
    asked = {
        "of": subscription,
        "at": source,
        "first": first,
        "last": last,
        "most": MOST_KEYS + 1,
    }
    rows = _DEVIATIONS.rows(connection, asked)
    if not rows:
        return Deviations(set(), {})
    keys = {text for text, _, what in rows if what == _KEY}
    if len(keys) > MOST_KEYS:
        own = {envelope.key for envelope in batch}
        keys = keys_among(connection, subscription, source, own)
    found: Mapping[int, Edit] = {}
    if any(what == _WAS_EDITED for _, _, what in rows):
        found = edited.edits(connection, subscription, source, first, last)
    return Deviations(
        keys, {at: text for text, at, what in rows if what == _WAS_DISCARDED}, found
    )
