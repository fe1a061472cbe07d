"""Aggregates of one table: read on demand, written once for all commands of a unit."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from shared_kernel.domain.aggregate import Aggregate
from shared_kernel.storage.prepared import Prepared, one_of

A = TypeVar("A", bound=Aggregate)


class AggregateTable(Generic[A]):
    """How aggregates are stored: a row for each, found by the column `key`.

    The columns of `table`, in their order, are those of a row; one is `version`.
    `to_row` and `from_row` are each other's inverse.
    """

    def __init__(
        self,
        table: Table,
        key: str,
        to_row: Callable[[A], dict[str, Any]],
        from_row: Callable[[Sequence[Any]], A],
    ) -> None:
        self.to_row = to_row
        self.from_row = from_row
        column = table.c[key]
        self.select_one = Prepared(select(table).where(column == bindparam("wanted")))
        self.select_many = Prepared(select(table).where(one_of(column, "wanted")))
        self.insert = Prepared(insert(table))
        self.update = Prepared(
            update(table).where(
                column == bindparam("stored_key"),
                table.c.version == bindparam("stored_version"),
            )
        )


class SqlRepository(Generic[A]):
    """One transaction's aggregates: each is read once, and written by `flush()`."""

    def __init__(self, connection: Connection, table: AggregateTable[A]) -> None:
        self._connection = connection
        self._table = table
        # By key; None is known to be absent.
        self._known: dict[str, A | None] = {}
        # The versions that are stored; 0 for what is not.
        self._stored: dict[str, int] = {}
        self._touched: dict[str, A] = {}
        self._unwritten: dict[str, A] = {}

    def find_by_key(self, key: str) -> A | None:
        if key not in self._known:
            row = self._table.select_one.row(self._connection, {"wanted": key})
            self._known[key] = None if row is None else self._follow(row)
        aggregate = self._known[key]
        if aggregate is not None:
            self._touched[key] = aggregate
        return aggregate

    def add(self, aggregate: A) -> None:
        key = aggregate.key
        self._known[key] = self._touched[key] = aggregate
        self._stored[key] = 0

    def prefetch_keys(self, keys: Iterable[str]) -> None:
        """Read in few statements what will be asked for, absent ones too."""
        unknown = set(keys) - self._known.keys()
        self._known.update(dict.fromkeys(unknown))
        wanted = {"wanted": json.dumps(list(unknown))}
        for row in self._table.select_many.rows(self._connection, wanted):
            aggregate = self._follow(row)
            self._known[aggregate.key] = aggregate

    def changed(self) -> list[A]:
        """Those that may have recorded events since the last call."""
        touched, self._touched = self._touched, {}
        changed = [
            aggregate
            for key, aggregate in touched.items()
            if aggregate.version != self._stored[key]
        ]
        self._unwritten.update((aggregate.key, aggregate) for aggregate in changed)
        return changed

    def flush(self) -> None:
        """Write all that `changed()` has named; from here on nothing is known.

        Raises ConcurrentUpdateError if one is not stored as it was read.
        """
        new: list[dict[str, Any]] = []
        known: list[dict[str, Any]] = []
        # In one order for all, so that two transactions cannot wait for each other.
        for key, aggregate in sorted(self._unwritten.items()):
            row = self._table.to_row(aggregate)
            if stored := self._stored[key]:
                known.append(row | {"stored_key": key, "stored_version": stored})
            else:
                new.append(row)
        self._known, self._stored, self._unwritten = {}, {}, {}
        self._table.insert.write_checked(self._connection, new)
        self._table.update.write_checked(self._connection, known)

    def _follow(self, row: Sequence[Any]) -> A:
        aggregate = self._table.from_row(row)
        self._stored[aggregate.key] = aggregate.version
        return aggregate
