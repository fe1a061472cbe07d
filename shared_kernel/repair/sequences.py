"""Letters in the order of a replay: those behind one, and those before it."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.letter import (
    DEAD,
    PARKED,
    DeadLetter,
    ReplayError,
    letter_from_row,
)
from shared_kernel.dead_letters.selection import LETTERS, Selection
from shared_kernel.dead_letters.store import get
from shared_kernel.repair.readers import Reader
from shared_kernel.storage.prepared import Prepared, one_of

_OF = sa.and_(
    LETTERS.c.subscription == sa.bindparam("of"),
    LETTERS.c.source == sa.bindparam("at"),
)
_WAITING = Prepared(
    sa.select(LETTERS.c.key, sa.func.count())
    .where(_OF, one_of(LETTERS.c.key, "keys"), LETTERS.c.state == PARKED)
    .group_by(LETTERS.c.key)
)
_BEHIND = (
    sa.select(LETTERS)
    .where(_OF, LETTERS.c.key == sa.bindparam("about"), LETTERS.c.state == PARKED)
    .order_by(LETTERS.c.position)
    .limit(sa.bindparam("most"))
)
_SAME_KEYS = Prepared(
    sa.select(LETTERS.c.number).where(
        _OF,
        one_of(LETTERS.c.key, "keys"),
        LETTERS.c.state == DEAD,
        LETTERS.c.number < sa.bindparam("before"),
    )
)


def first_of_its_key(connection: Connection, number: int) -> DeadLetter:
    """A dead one. Raises UnknownDeadLetterError; ReplayError if it is parked."""
    letter = get(connection, number)
    if letter.state != DEAD:
        raise ReplayError(
            f"dead letter {number} waits behind an earlier one of "
            f"{letter.envelope.key!r}: rehearse that one"
        )
    return letter


def waiting(
    connection: Connection, letters: Iterable[DeadLetter]
) -> dict[tuple[str, str, str], int]:
    """How many are parked, by subscription, source and key; only where there are."""
    keys: dict[Reader, set[str]] = defaultdict(set)
    for letter in letters:
        keys[letter.subscription, letter.envelope.source].add(letter.envelope.key)
    return {
        (*reader, key): number
        for reader, those in keys.items()
        for key, number in _WAITING.rows(connection, _asked(reader, those))
    }


def parked_behind(
    connection: Connection, letter: DeadLetter, most: int
) -> list[DeadLetter]:
    """At most `most` of those that wait behind `letter`, the first one first."""
    envelope = letter.envelope
    asked = {"of": letter.subscription, "at": envelope.source, "about": envelope.key}
    rows = connection.execute(_BEHIND, asked | {"most": most})
    return [letter_from_row(row) for row in rows]


def earlier_of_same_keys(
    connection: Connection, readers: Iterable[Reader], letters: Sequence[DeadLetter]
) -> set[int]:
    """The numbers of dead letters before `letters`, with a key of theirs."""
    keys = {letter.envelope.key for letter in letters}
    before = {"before": letters[0].number}
    return {
        number
        for reader in readers
        for (number,) in _SAME_KEYS.rows(connection, _asked(reader, keys) | before)
    }


def chosen(
    connection: Connection, selection: Selection, numbers: Collection[int]
) -> list[DeadLetter]:
    """Those of `selection` with these numbers, in the order of their numbers."""
    if not numbers:
        return []
    statement: sa.Select[Any] = (
        sa.select(LETTERS)
        .where(selection.condition(), one_of(LETTERS.c.number, "numbers"))
        .order_by(LETTERS.c.number)
    )
    rows = connection.execute(statement, {"numbers": json.dumps(sorted(numbers))})
    return [letter_from_row(row) for row in rows]


def _asked(reader: Reader, keys: Collection[str]) -> dict[str, object]:
    of, at = reader
    return {"of": of, "at": at, "keys": json.dumps(sorted(keys))}
