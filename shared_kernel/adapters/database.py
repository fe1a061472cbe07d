"""One owner's database: one writer, many readers.

SQLite has one writer a file, so a process keeps one connection for writing and hands it
out under a lock; other processes queue at `BEGIN IMMEDIATE`. Each thread that reads
keeps a connection of its own: in WAL mode readers neither wait nor make others wait.

    StorageError
    ├── ConcurrentUpdateError   somebody else changed the row in between: try again
    └── StorageUnavailableError the database could not be opened
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

from shared_kernel.adapters.prepared import Prepared

BUSY_TIMEOUT_MS = 10_000
MEND = "make its folder writable, or name another file by its ..._DATABASE_URL"

_BEGIN = Prepared(sa.text("BEGIN IMMEDIATE"))
_COMMIT = Prepared(sa.text("COMMIT"))
_VERSION = Prepared(sa.text("PRAGMA data_version"))


class StorageError(Exception):
    """Storage did not do what was asked; nothing was half done."""


class ConcurrentUpdateError(StorageError):
    """A row was changed between reading and writing it. Trying again is safe."""


class StorageUnavailableError(StorageError):
    """The database cannot be opened; the message says which and why."""


def is_fault(error: BaseException) -> bool:
    """Whether `error` lies with the infrastructure and may heal by itself.

    A locked database, a full disk, a lost connection: never a reason to give up on an
    event (law 5).
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(
        error, OperationalError | InterfaceError | StorageError | OSError | TimeoutError
    )


class Database:
    """Opens no connection before it is first used.

    `synchronous` is SQLite's: FULL keeps every commit through a power cut, NORMAL may
    lose the last ones (never corrupting), which suits what can be built again.
    """

    def __init__(self, url: str, *, synchronous: str = "FULL") -> None:
        self.url = url
        self._synchronous = synchronous
        self._engine = self._create_engine()
        self._turn = threading.Lock()
        self._writer: Connection | None = None
        # By thread, and kept when it ends: a connection that is closed while its thread
        # is being taken down brings the interpreter down with it. Who comes with the
        # same identity inherits.
        self._readers: dict[int, Connection] = {}

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The write transaction: commits at the end, rolls back on any exception."""
        with self._turn:
            connection = self._writer or self._open_writer()
            try:
                _BEGIN.write(connection, {})
                yield connection
                self._commit(connection)
            except BaseException:
                self._give_up(connection)
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for single statements, each of which sees what is committed."""
        thread = threading.get_ident()
        connection = self._readers.get(thread)
        if connection is None or connection.closed:
            connection = self._readers[thread] = self._engine.connect()
        try:
            yield connection
        finally:
            if connection.in_transaction():
                connection.rollback()

    def version(self, connection: Connection) -> int:
        """A number that changes when anything is committed by another connection.

        It means something only beside an earlier one of the same connection.
        """
        row = _VERSION.row(connection, {})
        return row[0] if row else 0

    def close(self) -> None:
        with self._turn:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        for reader in list(self._readers.values()):
            reader.close()
        self._engine.dispose()

    def _create_engine(self) -> Engine:
        url = make_url(self.url)
        folder = Path(url.database or "").parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailableError(
                f"{self.url} cannot be opened: {folder}: {error.strerror}; {MEND}"
            ) from error
        engine = sa.create_engine(
            url,
            poolclass=NullPool,
            connect_args={"check_same_thread": False, "isolation_level": None},
        )
        event.listen(engine, "connect", self._set_up)
        return engine

    def _set_up(
        self, connection: sa.engine.interfaces.DBAPIConnection, _: object
    ) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {self._synchronous}")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.close()

    def _open_writer(self) -> Connection:
        self._writer = self._engine.connect()
        return self._writer

    def _commit(self, connection: Connection) -> None:
        if connection.in_transaction():
            connection.commit()
        else:
            # Core knows of no transaction if all statements went past it.
            _COMMIT.write(connection, {})

    def _give_up(self, connection: Connection) -> None:
        try:
            if connection.in_transaction():
                connection.rollback()
            connection.connection.rollback()
        except Exception:  # noqa: BLE001 - whatever it is, the connection is lost
            # A connection that cannot even roll back is of no more use.
            connection.invalidate()
            connection.close()
            self._writer = None
