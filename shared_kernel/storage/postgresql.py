"""A PostgreSQL database, or one schema of it: many writers, many readers.

Connections are pooled, bounded in number, and in autocommit mode: a query is one
statement, a transaction has its own `BEGIN` and `COMMIT`. A new connection is refused
if the schema is not what the code expects.

A transaction whose connection breaks before its commit is undone, and may be retried.
If the connection breaks during the commit, the transaction is done or undone, and the
event log can tell which (`shared_kernel.events.positions`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from shared_kernel.storage import pipeline
from shared_kernel.storage.errors import (
    ConcurrentUpdateError,
    ConnectionLostError,
    OutcomeUnknownError,
    StorageError,
    StorageUnavailableError,
)
from shared_kernel.storage.notifications import ANNOUNCE, Notifications
from shared_kernel.storage.postgresql_session import (
    Session,
    check_the_schema,
    refuse_closed_connection,
)
from shared_kernel.storage.prepared import (
    Prepared,
    arrive,
    in_terms_of_sqlalchemy,
)

HINT = "start it, or correct its ..._DATABASE_URL"

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_SERIALIZATION_FAILURE, _DEADLOCK_DETECTED = "40001", "40P01"
_READ_ONLY = "25006"
# Codes that end a session, in addition to all connection exceptions (class 08).
_ENDED = {"25P03", "25P04", "57P01", "57P02", "57P03", "57P05"}

_BEGIN = Prepared(sa.text("BEGIN"))
_BEGIN_READING = Prepared(sa.text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
_NOTHING = "a statement failed: nothing of this was committed"
_WITHOUT_TIMEOUT = sa.text("SET LOCAL statement_timeout = 0")
_ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtext('storehouse.upgrade'))")
_VERSION = Prepared(sa.text("SELECT CAST(pg_current_snapshot() AS text)"))

_MAY_TAKE_ROOM = sa.text(
    "SELECT has_database_privilege(current_database(), 'TEMPORARY')"
)
_TAKE_ROOM = sa.text("CREATE TEMPORARY TABLE room ON COMMIT DROP AS SELECT 1 AS taken")


class PostgresStore:
    """Opens no connection before it is first used.

    At most `connections` at a time. A thread that finds none free waits up to
    `timeout_ms`, which also limits each statement. `schema` in the query of `url` is
    where the tables are, `public` unless given; all else in it is libpq's.
    """

    hint = HINT
    upgrades_itself = False
    one_writer = False
    # After that, the server reports it.
    exists = True

    def __init__(self, url: URL, *, connections: int, timeout_ms: int) -> None:
        self.shown = url.render_as_string()
        self.schema = str(url.query.get("schema", "public"))
        self.expected: str | None = None
        self._connections = connections
        self._session = Session(self.schema, timeout_ms)
        self.engine = self._create_engine(url.difference_update_query(["schema"]))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        connection = self._connect()
        try:
            try:
                pipeline.enter(connection, _driver(connection).pipeline())
                _BEGIN.send(connection)
                yield connection
                arrive(connection)
            except DBAPIError as error:
                self._undo(connection)
                raise self._meaning(error, connection) from error
            except BaseException:
                self._undo(connection)
                raise
            self._commit(connection)
        finally:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        connection = self._connect()
        try:
            yield connection
        except DBAPIError as error:
            self._undo(connection)
            raise self._meaning(error, connection) from error
        finally:
            connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        with self.reading() as connection:
            try:
                _BEGIN_READING.send(connection)
                yield connection
            finally:
                self._undo(connection)

    @contextmanager
    def maintaining(self) -> Iterator[Connection]:
        expected, self.expected = self.expected, None
        try:
            with self.writing() as connection:
                yield connection
        finally:
            self.expected = expected
            # New connections then check the schema as it is now.
            self.engine.dispose()

    def begin_upgrade(self, connection: Connection) -> None:
        """One upgrade at a time, without a time limit; creates the URL's schema."""
        connection.execute(_WITHOUT_TIMEOUT)
        connection.execute(_ALONE)
        connection.execute(sa.text(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"'))

    def version(self, connection: Connection) -> str:
        # Equal snapshots see the same transactions.
        row = _VERSION.row(connection, {})
        return str(row[0]) if row else ""

    def take_room(self, connection: Connection) -> None:
        """Does nothing if the user may not create temporary tables."""
        if connection.execute(_MAY_TAKE_ROOM).scalar_one():
            connection.execute(_TAKE_ROOM)

    def close(self) -> None:
        self.engine.dispose()

    def notifications(
        self, name: str, notify: Callable[[int | None], None], table: str
    ) -> Notifications:
        """Notifications of new rows of `table` in this database, not started yet."""
        return Notifications(self.connect_alone, name, notify, table)

    def announce(self, table: str) -> None:
        with self.writing() as connection:
            connection.exec_driver_sql(ANNOUNCE, (table,))

    def connect_alone(self) -> "psycopg.Connection[Any]":
        """A connection outside the pool. Raises psycopg.OperationalError."""
        arguments, options = self.engine.dialect.create_connect_args(self.engine.url)
        options.update(self._session.options)
        connection = psycopg.connect(*arguments, **options, autocommit=True)
        self._session.set_up(connection)
        return connection

    def _create_engine(self, url: URL) -> Engine:
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            isolation_level="AUTOCOMMIT",
            pool_size=self._connections,
            max_overflow=0,
            pool_timeout=self._session.timeout_ms / 1000,
            pool_use_lifo=True,
            pool_reset_on_return=None,
            connect_args=self._session.options,
        )
        event.listen(engine, "connect", lambda new, _: self._admit(new))
        event.listen(engine, "checkout", refuse_closed_connection)
        event.listen(
            engine, "before_cursor_execute", lambda used, *_: _leave_pipeline(used)
        )
        return engine

    def _admit(self, new: "psycopg.Connection[Any]") -> None:
        try:
            self._session.set_up(new)
            if self.expected is not None:
                check_the_schema(new, self.expected, self.shown)
        except BaseException:
            new.close()
            raise

    def _connect(self) -> Connection:
        try:
            return self.engine.connect()
        except sa.exc.TimeoutError as error:
            raise StorageUnavailableError(
                f"{self.shown}: all {self._connections} connections of this process "
                "were in use: set DATABASE_POOL_SIZE higher, or THREADS lower"
            ) from error
        except DBAPIError as error:
            raise ConnectionLostError(
                f"{self.shown} cannot be reached: {_in_a_line(error)}; {HINT}"
            ) from error

    def _commit(self, connection: Connection) -> None:
        driver = _driver(connection)
        try:
            done = driver.execute("COMMIT")
            pipeline.leave(connection)
            connection.commit()
        except psycopg.errors.PipelineAborted as error:
            self._undo(connection)
            raise StorageError(_NOTHING) from error
        except psycopg.Error as error:
            if driver.closed:
                self._undo(connection)
                raise OutcomeUnknownError(f"{self.shown}: {error}") from error
            self._undo(connection)
            wrapped = in_terms_of_sqlalchemy(error, "COMMIT", connection.dialect)
            raise self._meaning(cast(DBAPIError, wrapped), connection) from error
        if done.statusmessage != "COMMIT":
            # COMMIT of a failed transaction is a ROLLBACK, and no error.
            raise StorageError(_NOTHING)

    def _undo(self, connection: Connection) -> None:
        """Roll back; if that fails, discard the connection."""
        pipeline.abandon(connection)
        try:
            if connection.in_transaction():
                connection.rollback()
            _driver(connection).rollback()
        except Exception:  # noqa: BLE001 - whatever it is, the connection is lost
            with suppress(Exception):
                connection.invalidate()

    def _meaning(self, error: DBAPIError, connection: Connection) -> Exception:
        fault = error.orig
        if not isinstance(fault, psycopg.Error):
            return error
        if error.connection_invalidated or _has_hung_up(fault):
            return ConnectionLostError(f"{self.shown}: {_in_a_line(error)}")
        if fault.sqlstate in (_SERIALIZATION_FAILURE, _DEADLOCK_DETECTED):
            return ConcurrentUpdateError(_in_a_line(error))
        if fault.sqlstate == _READ_ONLY:
            # It is no longer the primary: the name resolves to another server by now.
            connection.invalidate()
            self.engine.dispose()
            return ConnectionLostError(f"{self.shown}: {_in_a_line(error)}")
        return error


def _leave_pipeline(connection: Connection) -> None:
    """SQLAlchemy's own statements need their results at once."""
    arrive(connection)
    try:
        pipeline.leave(connection)
    except psycopg.Error as error:
        raise in_terms_of_sqlalchemy(error, "", connection.dialect) from error


def _in_a_line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def _has_hung_up(fault: psycopg.Error) -> bool:
    if fault.sqlstate is None:
        # An error about the connection, not from the server.
        return isinstance(fault, psycopg.OperationalError) and not isinstance(
            fault, psycopg.errors.PipelineAborted
        )
    return fault.sqlstate.startswith("08") or fault.sqlstate in _ENDED


def _driver(connection: Connection) -> "psycopg.Connection[Any]":
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)
