"""Which rows of a database a transaction changes, from what to what.

Triggers record it, which the transaction itself makes: they vanish with its rollback.
So this is for transactions that are rolled back (`Database.trial`).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.storage.prepared import Prepared

_BEGIN = Prepared(sa.text("SAVEPOINT tried"))
_UNDO = Prepared(sa.text("ROLLBACK TO SAVEPOINT tried"))
_END = Prepared(sa.text("RELEASE SAVEPOINT tried"))

RECORDED = "row changes"
"""Where a connection keeps what was recorded, if that is not in a table."""

Values = Mapping[str, Any]
"""By column: strings, numbers, bytes, booleans (0 and 1 on SQLite) and None."""


@attrs.frozen
class WatchedTable:
    """`key` are the columns of its primary key, empty if it has none."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


@attrs.frozen
class RowChange:
    """A row `before` and `after`; None before it is added, and after it is deleted.

    `key` is its primary key, the whole row if the table has none. A row that was
    written, and is as it was, is the same before and after.
    """

    table: WatchedTable
    key: Values
    before: Values | None
    after: Values | None

    @property
    def kind(self) -> str:
        """`added`, `changed` or `deleted`."""
        if self.before is None:
            return "added"
        return "changed" if self.after is not None else "deleted"

    @property
    def differs(self) -> bool:
        return self.before != self.after

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """The columns that differ, with the values before and after."""
        before, after = self.before or {}, self.after or {}
        return {
            name: (before.get(name), after.get(name))
            for name in self.table.columns
            if before.get(name) != after.get(name)
        }


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Undo what is done within it if it raises, and forget it where it is recorded."""
    recorded: list[Any] = connection.info.get(RECORDED, [])
    before = len(recorded)
    _BEGIN.send(connection)
    try:
        yield
    except BaseException:
        _UNDO.send(connection)
        del recorded[before:]
        raise
    finally:
        _END.send(connection)


def in_all(changes: Iterable[RowChange]) -> list[RowChange]:
    """One change for each row, in the order of the first."""
    rows: dict[tuple[object, ...], RowChange] = {}
    without_key: list[RowChange] = []
    for change in changes:
        table = change.table
        if not table.key:
            without_key.append(change)
            continue
        place = (table.name, *change.key.values())
        known = rows.get(place)
        rows[place] = attrs.evolve(known, after=change.after) if known else change
    return [*rows.values(), *without_key]


def changes_of(
    table: WatchedTable, before: Values | None, after: Values | None
) -> list[RowChange]:
    """A row that gets another key is one deleted and one added."""
    was, now = _key(table, before), _key(table, after)
    if was is None or now is None or was == now or not table.key:
        return [RowChange(table, was or now or {}, before, after)]
    return [
        RowChange(table, was, before, None),
        RowChange(table, now, None, after),
    ]


def _key(table: WatchedTable, row: Values | None) -> Values | None:
    return row and ({name: row[name] for name in table.key} or row)
