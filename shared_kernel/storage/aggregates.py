"""Aggregates in one table: read on demand, written once per transaction."""

import json
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from shared_kernel.domain.aggregate import Aggregate
from shared_kernel.storage.prepared import Prepared, one_of

A = TypeVar("A", bound=Aggregate)


class AggregateTable(Generic[A]):
    """How aggregates are stored: in one row each, with the identity in column `key`.

    A row has the columns of `table`, in their order; one of them is `version`.
    `from_row` is the inverse of `to_row`. `key_of` is what the column has of an
    aggregate: its `key`, unless that may be written in several ways.
    """

    def __init__(
        self,
        table: Table,
        key: str,
        to_row: Callable[[A], dict[str, Any]],
        from_row: Callable[[Sequence[Any]], A],
        key_of: Callable[[A], str] = attrgetter("key"),
    ) -> None:
        self.to_row = to_row
        self.from_row = from_row
        self.key_of = key_of
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
    """The aggregates of one transaction: each is read once; `flush()` writes them."""

    def __init__(self, connection: Connection, table: AggregateTable[A]) -> None:
        self._connection = connection
        self._table = table
        # By key; None if there is no such row.
        self._known: dict[str, A | None] = {}
        # The stored version by key; 0 if the aggregate is new.
        self._stored: dict[str, int] = {}
        self._touched: dict[str, A] = {}
        self._unwritten: dict[str, A] = {}

    def find_by_key(self, key: str) -> A | None:
        if key not in self._known:
            row = self._table.select_one.row(self._connection, {"wanted": key})
            self._known[key] = None if row is None else self._tracked(row)
        aggregate = self._known[key]
        if aggregate is not None:
            self._touched[key] = aggregate
        return aggregate

    def add(self, aggregate: A) -> None:
        key = self._table.key_of(aggregate)
        self._known[key] = self._touched[key] = aggregate
        self._stored[key] = 0

    def prefetch_keys(self, keys: Iterable[str]) -> None:
        """Read these keys in one statement, and remember which have no row."""
        unknown = set(keys) - self._known.keys()
        self._known.update(dict.fromkeys(unknown))
        wanted = {"wanted": json.dumps(list(unknown))}
        for row in self._table.select_many.rows(self._connection, wanted):
            aggregate = self._tracked(row)
            self._known[self._table.key_of(aggregate)] = aggregate

    def changed(self) -> list[A]:
        """Aggregates used since the last call that may have recorded events."""
        touched, self._touched = self._touched, {}
        changed: list[A] = []
        for key, aggregate in touched.items():
            if aggregate.version != self._stored[key]:
                self._unwritten[key] = aggregate
                changed.append(aggregate)
        return changed

    def flush(self) -> None:
        """Write all aggregates that `changed()` has returned, and forget all.

        Raises ConcurrentUpdateError if another transaction has changed one of them.
        """
        new: list[dict[str, Any]] = []
        known: list[dict[str, Any]] = []
        # In the order of the keys, so that two transactions cannot deadlock.
        for key, aggregate in sorted(self._unwritten.items()):
            row = self._table.to_row(aggregate)
            if stored := self._stored[key]:
                known.append(row | {"stored_key": key, "stored_version": stored})
            else:
                new.append(row)
        self._known, self._stored, self._unwritten = {}, {}, {}
        self._table.insert.write_checked(self._connection, new)
        self._table.update.write_checked(self._connection, known)

    def _tracked(self, row: Sequence[Any]) -> A:
        aggregate = self._table.from_row(row)
        self._stored[self._table.key_of(aggregate)] = aggregate.version
        return aggregate
