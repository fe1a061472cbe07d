"""A database for code that commits, run within a transaction that is rolled back."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sqlalchemy.engine import Connection

from shared_kernel.storage.database import Database
from shared_kernel.storage.row_changes import savepoint


class WithinTransaction(Database):
    """`database`, in the open transaction of `connection`.

    A write transaction is a savepoint in it, and what was written is read. Nothing
    commits here.
    """

    def __init__(self, database: Database, connection: Connection) -> None:
        self.url = database.url
        self.store = database.store
        self._connection = connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with savepoint(self._connection):
            yield self._connection

    def reading(self) -> AbstractContextManager[Connection]:
        return nullcontext(self._connection)

    def snapshot(self) -> AbstractContextManager[Connection]:
        return self.reading()

    def close(self) -> None:
        """The connection is its owner's."""
