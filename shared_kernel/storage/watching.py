"""Records the row changes of a transaction, on either database."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy.engine import Connection

from shared_kernel.storage import row_changes_postgresql, row_changes_sqlite
from shared_kernel.storage.row_changes import RowChange


class RowChanges(Protocol):
    """Records what is changed through one connection, until its transaction ends."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Undo what is done within it if it raises, and nothing else."""

    def taken(self) -> list[RowChange]:
        """What was written since the last call, in all: one change of each row."""


def watched(
    connection: Connection, *, besides: Collection[str] = ()
) -> AbstractContextManager[RowChanges]:
    """Record changes of all tables, except virtual ones and those named `besides`.

    On PostgreSQL no other transaction can write those tables then. Raises
    ConcurrentUpdateError if others do, and will not have ended within 50 ms.
    """
    if connection.dialect.name == "sqlite":
        return row_changes_sqlite.watched(connection, besides)
    return row_changes_postgresql.watched(connection, besides)
