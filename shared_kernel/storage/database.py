"""One owner's database: a SQLite file, or a PostgreSQL database (or a schema of one).

In both cases `with database.writing()` is a write transaction and `with
database.reading()` is for queries.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol

import attrs
from sqlalchemy.engine import Connection, make_url

from shared_kernel.storage.errors import StorageUnavailableError
from shared_kernel.storage.sqlite import SqliteStore


class Listener(Protocol):
    """Runs in the background from `start` to `close`."""

    def start(self) -> None: ...

    def close(self) -> None: ...


class Store(Protocol):
    """What differs between kinds of database; `Database` describes the methods."""

    shown: str
    upgrades_itself: bool
    one_writer: bool
    expected: str | None

    @property
    def hint(self) -> str: ...

    @property
    def exists(self) -> bool: ...

    def writing(self) -> AbstractContextManager[Connection]: ...

    def reading(self) -> AbstractContextManager[Connection]: ...

    def snapshot(self) -> AbstractContextManager[Connection]: ...

    def maintaining(self) -> AbstractContextManager[Connection]: ...

    def begin_upgrade(self, connection: Connection) -> None: ...

    def notifications(
        self, name: str, notify: Callable[[int | None], None], table: str
    ) -> "Listener | None": ...

    def announce(self, table: str) -> None: ...

    def version(self, connection: Connection) -> str: ...

    def take_room(self, connection: Connection) -> None: ...

    def close(self) -> None: ...


@attrs.frozen(kw_only=True)
class Limits:
    """The limits of one PostgreSQL database in one process.

    At most `connections` at a time; `timeout_ms` limits a statement, and the wait for a
    free connection.
    """

    connections: int = 5
    timeout_ms: int = 5000


class _RolledBackError(Exception):
    """Ends a trial."""


class Database:
    """Opens no connection before it is first used.

    `synchronous` is SQLite's, `limits` are for PostgreSQL. `shown` is the URL without
    its password. Raises StorageUnavailableError.
    """

    def __init__(
        self,
        url: str,
        *,
        synchronous: str = "FULL",
        limits: Limits | None = None,
    ) -> None:
        self.url = url
        self.store = _store(url, synchronous, limits or Limits())

    @property
    def shown(self) -> str:
        return self.store.shown

    @property
    def one_writer(self) -> bool:
        """Whether write transactions wait for one another."""
        return self.store.one_writer

    @property
    def upgrades_itself(self) -> bool:
        """Whether each process upgrades the schema when it starts."""
        return self.store.upgrades_itself

    @property
    def exists(self) -> bool:
        """False for a file that has not been created yet."""
        return self.store.exists

    def expect(self, revision: str) -> None:
        """From now on, refuse a database whose schema is not at `revision`."""
        self.store.expected = revision

    def open(self) -> None:
        """Check that it can be used. Raises StorageUnavailableError if it cannot."""
        with self.reading():
            pass

    def writing(self) -> AbstractContextManager[Connection]:
        """The write transaction: commits at the end, rolls back on any exception.

        Raises ConcurrentUpdateError, ConnectionLostError, OutcomeUnknownError and
        StorageUnavailableError, and errors of the driver.
        """
        return self.store.writing()

    @contextmanager
    def trial(self) -> Iterator[Connection]:
        """A write transaction that is rolled back in any case."""
        with suppress(_RolledBackError), self.writing() as connection:
            yield connection
            raise _RolledBackError

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for single statements; each sees what was committed before."""
        return self.store.reading()

    def snapshot(self) -> AbstractContextManager[Connection]:
        """A connection whose statements all see what was committed by the first one."""
        return self.store.snapshot()

    def maintaining(self) -> AbstractContextManager[Connection]:
        """A write transaction for maintenance, whatever the schema's revision."""
        return self.store.maintaining()

    def notifications(
        self,
        name: str,
        notify: Callable[[int | None], None],
        table: str = "event_log",
    ) -> Listener | None:
        """Calls `notify` when any process announces new rows of `table`.

        Its argument is what was announced, such as the log's head, or None when
        notifications may have been lost. `name` is for logs and threads. Returns None
        if this kind of database sends no notifications.
        """
        return self.store.notifications(name, notify, table)

    def announce(self, table: str) -> None:
        """Notify all processes of new rows of `table`, if this database can."""
        self.store.announce(table)

    def version(self, connection: Connection) -> str:
        """Unchanged, within one thread, if nothing was committed since."""
        return self.store.version(connection)

    def take_room(self, connection: Connection) -> None:
        """Allocate new disk space until the transaction ends.

        On a full disk there may be room in old pages, and a small row may still fit.
        """
        self.store.take_room(connection)

    def close(self) -> None:
        self.store.close()


def _store(url: str, synchronous: str, limits: Limits) -> Store:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteStore(parsed, synchronous)
    # The driver is an optional extra.
    try:
        from shared_kernel.storage.postgresql import PostgresStore  # noqa: PLC0415
    except ImportError as error:
        raise StorageUnavailableError(
            f"{parsed.render_as_string()} needs the extra `postgresql`: "
            "pip install 'storehouse[postgresql]'"
        ) from error
    return PostgresStore(
        parsed, connections=limits.connections, timeout_ms=limits.timeout_ms
    )
