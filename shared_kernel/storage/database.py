"""One owner's database: a SQLite file, or a PostgreSQL database (or a schema of one).

Whichever it is, a transaction that writes is `with database.writing()`, a question is
`with database.reading()`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import attrs
from sqlalchemy.engine import Connection, make_url

from shared_kernel.storage.errors import StorageUnavailableError
from shared_kernel.storage.sqlite import SqliteStore


class Listener(Protocol):
    """Works in the background from `start` to `close`."""

    def start(self) -> None: ...

    def close(self) -> None: ...


class Store(Protocol):
    """What a kind of database does its own way; `Database` says what."""

    shown: str
    upgrades_itself: bool
    one_writer: bool
    expected: str | None

    @property
    def mend(self) -> str: ...

    @property
    def exists(self) -> bool: ...

    def writing(self) -> AbstractContextManager[Connection]: ...

    def reading(self) -> AbstractContextManager[Connection]: ...

    def maintaining(self) -> AbstractContextManager[Connection]: ...

    def begin_upgrade(self, connection: Connection) -> None: ...

    def notifications(
        self, source: str, notify: Callable[[int | None], None]
    ) -> "Listener | None": ...

    def version(self, connection: Connection) -> str: ...

    def take_room(self, connection: Connection) -> None: ...

    def close(self) -> None: ...


@attrs.frozen(kw_only=True)
class Limits:
    """Of one PostgreSQL database in one process.

    `connections` at a time; `timeout_ms` for a statement, and for a connection to
    become free.
    """

    connections: int = 5
    timeout_ms: int = 5000


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
        """Of several transactions that write, each waits for those before it."""
        return self.store.one_writer

    @property
    def upgrades_itself(self) -> bool:
        """At the start of each process; else only when an operator says so."""
        return self.store.upgrades_itself

    @property
    def exists(self) -> bool:
        """False for a file that would only be made by its first use."""
        return self.store.exists

    def expect(self, revision: str) -> None:
        """From now on refuse a database that is not at `revision` of its schema."""
        self.store.expected = revision

    def open(self) -> None:
        """See whether it can be used. Raises StorageUnavailableError if it cannot."""
        with self.reading():
            pass

    def writing(self) -> AbstractContextManager[Connection]:
        """The write transaction: commits at the end, rolls back on any exception.

        Raises ConcurrentUpdateError, ConnectionLostError, OutcomeUnknownError and
        StorageUnavailableError, besides what the driver raises.
        """
        return self.store.writing()

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for single statements, each of which sees what is committed."""
        return self.store.reading()

    def maintaining(self) -> AbstractContextManager[Connection]:
        """A write transaction of an operator's, whatever the schema is."""
        return self.store.maintaining()

    def notifications(
        self, source: str, notify: Callable[[int | None], None]
    ) -> Listener | None:
        """Calls `notify` when the log of `source` grows, in whatever process.

        With the log's head, or with None when something may have been missed. None if
        this kind of database notifies nobody.
        """
        return self.store.notifications(source, notify)

    def version(self, connection: Connection) -> str:
        """Equal to an earlier one of the same thread if nothing was committed since."""
        return self.store.version(connection)

    def take_room(self, connection: Connection) -> None:
        """Take new room on the disk until the transaction ends.

        A full disk may have room in old pages, so that a small row still goes in.
        """
        self.store.take_room(connection)

    def close(self) -> None:
        self.store.close()


def _store(url: str, synchronous: str, limits: Limits) -> Store:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteStore(parsed, synchronous)
    # Not everyone has the driver: it is an extra.
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
