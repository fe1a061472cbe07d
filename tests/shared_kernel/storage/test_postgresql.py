"""Faults of a connection, and their effects on the transaction."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import OperationalError

from shared_kernel.storage.database import Database, Limits
from shared_kernel.storage.errors import (
    ConcurrentUpdateError,
    ConnectionLostError,
    OutcomeUnknownError,
    StorageError,
    StorageUnavailableError,
    is_fault,
)
from shared_kernel.storage.prepared import Prepared
from tests.cluster import wait_until
from tests.databases import Schemas

pytestmark = pytest.mark.server

_things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text),
)
ADD = Prepared(sa.insert(_things))
ALL = Prepared(sa.select(_things.c.number).order_by(_things.c.number))
RENAME = Prepared(
    sa.update(_things)
    .where(_things.c.number == sa.bindparam("which"))
    .values(name=sa.bindparam("to"))
)


@pytest.fixture
def database(schemas: Schemas) -> Iterator[Database]:
    database = Database(schemas.url("catalog"), limits=Limits(connections=3))
    with database.writing() as connection:
        _things.metadata.create_all(connection)
    yield database
    database.close()


def things(database: Database) -> list[int]:
    with database.reading() as connection:
        return [number for (number,) in ALL.rows(connection, {})]


def add(connection: Connection, number: int) -> None:
    ADD.write(connection, {"number": number, "name": None})


def hang_up(schemas: Schemas, which: str = "true") -> None:
    """The server ends the sessions of its clients."""
    ours = f"datname = '{schemas.database}' AND pid <> pg_backend_pid() AND {which}"
    schemas.server.execute(
        schemas.database,
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {ours}",
    )


def test_an_idle_connection_that_was_closed_is_replaced_unnoticed(
    database: Database, schemas: Schemas
) -> None:
    assert things(database) == []
    hang_up(schemas)

    assert things(database) == []
    hang_up(schemas)
    with database.writing() as connection:
        add(connection, 1)
    assert things(database) == [1]


def test_a_transaction_that_loses_its_connection_is_undone_and_may_be_retried(
    database: Database, schemas: Schemas
) -> None:
    def lose() -> None:
        with database.writing() as connection:
            add(connection, 1)
            hang_up(schemas)
            add(connection, 2)

    with pytest.raises(ConnectionLostError):
        lose()

    assert things(database) == []


def test_a_connection_that_breaks_in_the_commit_leaves_the_outcome_open(
    database: Database, schemas: Schemas
) -> None:
    def lose() -> None:
        with database.writing() as connection:
            add(connection, 1)
            hang_up(schemas)

    with pytest.raises(OutcomeUnknownError):
        lose()

    # A query finds out which.
    assert things(database) == []


def test_a_read_that_loses_its_connection_is_a_fault(
    database: Database, schemas: Schemas
) -> None:
    def lose() -> None:
        with database.reading() as connection:
            hang_up(schemas)
            ALL.rows(connection, {})

    with pytest.raises(ConnectionLostError) as raised:
        lose()

    assert is_fault(raised.value)
    assert things(database) == []


def test_an_unreachable_server_is_reported_by_name_and_without_the_password() -> None:
    url = "postgresql://me:secret@127.0.0.1:1/nowhere"
    database = Database(url)

    with pytest.raises(ConnectionLostError) as raised, database.writing():
        pass

    assert "127.0.0.1:1/nowhere cannot be reached" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_committing_a_failed_transaction_raises(database: Database) -> None:
    """PostgreSQL answers it with a rollback, and no error."""

    def swallow() -> None:
        with database.writing() as connection:
            add(connection, 1)
            with pytest.raises(sa.exc.IntegrityError):
                add(connection, 1)

    with pytest.raises(StorageError, match="nothing of this was committed"):
        swallow()

    assert things(database) == []


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_a_transaction_that_loses_a_conflict_may_be_retried(
    database: Database, code: str
) -> None:
    lose = sa.text(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")

    with pytest.raises(ConcurrentUpdateError), database.writing() as connection:
        connection.execute(lose)


def test_of_two_deadlocked_transactions_one_may_be_retried(database: Database) -> None:
    with database.writing() as connection:
        add(connection, 1)
        add(connection, 2)
    met = threading.Barrier(2, timeout=10)

    def take(first: int, second: int) -> bool:
        try:
            with database.writing() as connection:
                RENAME.write(connection, {"which": first, "to": "x"})
                met.wait()
                RENAME.write(connection, {"which": second, "to": "x"})
        except ConcurrentUpdateError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(take, (1, 2), (2, 1)))

    assert sorted(done) == [False, True]


def test_a_full_pool_is_reported_after_the_timeout(schemas: Schemas) -> None:
    limits = Limits(connections=2, timeout_ms=100)
    database = Database(schemas.url("catalog"), limits=limits)

    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(database.reading())
        with pytest.raises(StorageUnavailableError, match="DATABASE_POOL_SIZE"):
            held.enter_context(database.reading())

    database.open()
    database.close()


def test_a_server_with_no_room_is_a_fault(schemas: Schemas) -> None:
    server = schemas.server
    server.execute("postgres", "CREATE ROLE guest LOGIN CONNECTION LIMIT 1")
    try:
        server.execute(schemas.database, "GRANT USAGE ON SCHEMA catalog TO guest")
        url = make_url(schemas.url("catalog")).set(username="guest")
        guest = Database(url.render_as_string(), limits=Limits(connections=2))
        with (
            guest.reading(),
            pytest.raises(ConnectionLostError, match="too many connections"),
            guest.reading(),
        ):
            pass
        guest.close()
    finally:
        server.execute(schemas.database, "DROP OWNED BY guest")
        server.execute("postgres", "DROP ROLE guest")


def test_a_statement_that_takes_too_long_is_ended(schemas: Schemas) -> None:
    database = Database(schemas.url("catalog"), limits=Limits(timeout_ms=100))

    with (
        pytest.raises(OperationalError, match="statement timeout") as raised,
        database.reading() as connection,
    ):
        connection.execute(sa.text("SELECT pg_sleep(5)"))

    assert is_fault(raised.value)
    database.open()
    database.close()


def test_a_standby_is_not_mistaken_for_the_primary(
    database: Database, schemas: Schemas
) -> None:
    """After a failover, pooled connections may lead to a server that is read-only."""
    things(database)
    read_only = f'ALTER DATABASE "{schemas.database}" SET default_transaction_read_only'
    schemas.server.execute("postgres", f"{read_only} = on")
    hang_up(schemas)
    with pytest.raises(ConnectionLostError), database.writing() as connection:
        add(connection, 1)
    schemas.server.execute("postgres", f"{read_only} = off")

    with database.writing() as connection:
        add(connection, 1)
    assert things(database) == [1]


def test_a_process_that_hangs_in_a_transaction_loses_it(schemas: Schemas) -> None:
    database = Database(schemas.url("catalog"))
    with database.reading() as connection:
        (timeout,) = connection.exec_driver_sql(
            "SELECT setting FROM pg_settings"
            " WHERE name = 'idle_in_transaction_session_timeout'"
        ).one()
    database.close()

    assert timeout == "10000"


@pytest.mark.parametrize(("given", "is_so"), [("off", "on"), ("local", "local")])
def test_a_commit_is_on_the_disk_before_it_is_visible(
    schemas: Schemas, given: str, is_so: str
) -> None:
    schemas.server.execute(
        "postgres",
        f'ALTER DATABASE "{schemas.database}" SET synchronous_commit = {given}',
    )
    database = Database(schemas.url("catalog"))
    with database.reading() as connection:
        (found,) = connection.exec_driver_sql("SHOW synchronous_commit").one()
    database.close()

    assert found == is_so


def test_the_version_changes_with_each_commit_only(
    database: Database, schemas: Schemas
) -> None:
    with database.reading() as connection:
        before = database.version(connection)
        assert database.version(connection) == before
    with database.writing() as connection:
        add(connection, 1)

    with database.reading() as connection:
        assert database.version(connection) != before


def test_connections_are_bounded_and_closed_at_the_end(schemas: Schemas) -> None:
    database = Database(schemas.url("catalog"), limits=Limits(connections=3))
    ours = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'storehouse'"
        f" AND datname = '{schemas.database}'"
    )

    def count() -> int:
        return int(schemas.server.execute("postgres", ours)[0][0])

    def ask(_: int) -> int:
        with database.reading() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(0.01)")
            return count()

    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(ask, range(40))) <= 3
    database.close()
    wait_until(lambda: count() == 0, "the end of all connections")
