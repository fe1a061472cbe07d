"""A SQLite file: one writer, many readers.

A process keeps one connection for writing and hands it out under a lock; other
processes queue at `BEGIN IMMEDIATE`. Each thread that reads keeps a connection of its
own: in WAL mode readers neither wait nor make others wait.
"""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import NullPool

from shared_kernel.storage.errors import StorageUnavailableError
from shared_kernel.storage.prepared import Prepared
from shared_kernel.storage.retry import retried

BUSY_TIMEOUT_MS = 10_000
LEAST_FREE_BYTES = 1_048_576
"""With less free disk space than this, a full disk is why a database cannot open."""

_BEGIN = Prepared(sa.text("BEGIN IMMEDIATE"))
_BEGIN_READING = Prepared(sa.text("BEGIN"))
_ROLLBACK = Prepared(sa.text("ROLLBACK"))
_COMMIT = Prepared(sa.text("COMMIT"))
_VERSION = Prepared(sa.text("PRAGMA data_version"))


class SqliteStore:
    """Opens no connection before it is first used.

    `synchronous` is SQLite's: FULL keeps every commit through a power cut, NORMAL may
    lose the last ones (but corrupts nothing), which suits data that can be rebuilt.
    """

    upgrades_itself = True
    one_writer = True

    def __init__(self, url: URL, synchronous: str) -> None:
        self.expected: str | None = None
        self.shown = str(url)
        self.engine = self._create_engine(url)
        self._synchronous = synchronous
        self._turn = threading.Lock()
        self._writer: Connection | None = None
        # By thread id, and kept when the thread ends: closing a connection during the
        # end of its thread crashes the interpreter. A later thread with the same id
        # uses it.
        self._readers: dict[int, Connection] = {}

    @property
    def hint(self) -> str:
        return _hint(Path(self.engine.url.database or "").parent)

    @property
    def exists(self) -> bool:
        return Path(self.engine.url.database or "").is_file()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
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
        thread = threading.get_ident()
        connection = self._readers.get(thread)
        if connection is None or connection.closed:
            connection = self._readers[thread] = self.engine.connect()
        try:
            yield connection
        finally:
            if connection.in_transaction():
                connection.rollback()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        with self.reading() as connection:
            _BEGIN_READING.write(connection, {})
            try:
                yield connection
            finally:
                _ROLLBACK.write(connection, {})

    def maintaining(self) -> AbstractContextManager[Connection]:
        return self.writing()

    def begin_upgrade(self, connection: Connection) -> None:
        """Nothing to do: the transaction is the only one."""

    def notifications(self, name: str, notify: object, table: str) -> None:
        """A file sends no notifications."""

    def announce(self, table: str) -> None:
        """A file sends no notifications."""

    def version(self, connection: Connection) -> str:
        # It can only be compared with an earlier value of the same connection; each
        # thread has its own.
        row = _VERSION.row(connection, {})
        return str(row[0]) if row else ""

    def take_room(self, connection: Connection) -> None:
        """Nothing to do: each commit takes new room in the write-ahead log."""

    def close(self) -> None:
        with self._turn:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        for reader in list(self._readers.values()):
            reader.close()
        self.engine.dispose()

    def _create_engine(self, url: URL) -> Engine:
        folder = Path(url.database or "").parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailableError(
                f"{url} cannot be opened: {folder}: {error.strerror}; {_hint(folder)}"
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
        # The first one turns a new file to WAL, and that ignores the busy timeout.
        retried(lambda: cursor.execute("PRAGMA journal_mode = WAL"), _is_locked)
        cursor.execute(f"PRAGMA synchronous = {self._synchronous}")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.close()

    def _open_writer(self) -> Connection:
        self._writer = self.engine.connect()
        return self._writer

    def _commit(self, connection: Connection) -> None:
        if connection.in_transaction():
            connection.commit()
        else:
            # Core does not know of the transaction if no statement went through it.
            _COMMIT.write(connection, {})

    def _give_up(self, connection: Connection) -> None:
        try:
            if connection.in_transaction():
                connection.rollback()
            connection.connection.rollback()
        except Exception:  # noqa: BLE001 - whatever it is, the connection is lost
            # A connection that cannot even roll back is discarded.
            connection.invalidate()
            connection.close()
            self._writer = None


def _is_locked(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _hint(folder: Path) -> str:
    """What to do about a file in `folder` that cannot be opened."""
    there = next(
        each
        for each in (folder.absolute(), *folder.absolute().parents)
        if each.is_dir()
    )
    if shutil.disk_usage(there).free < LEAST_FREE_BYTES:
        return "its disk is full: free some space, or name a file on another disk"
    return "make its folder writable, or name another file by its ..._DATABASE_URL"
