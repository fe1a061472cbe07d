"""Transactions, reads, and how faults are distinguished from permanent errors."""

import contextlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import (
    ConcurrentUpdateError,
    StorageUnavailableError,
    is_fault,
)
from shared_kernel.storage.prepared import Prepared
from shared_kernel.storage.sqlite import SqliteStore
from tests.databases import Databases


class Usage(NamedTuple):
    free: int


_things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
)
ADD = Prepared(sa.insert(_things))
ALL = Prepared(sa.select(_things.c.number).order_by(_things.c.number))
RENAME = Prepared(
    sa.update(_things)
    .where(_things.c.number == sa.bindparam("which"))
    .values(name="fixed")
)
NAME = Prepared(sa.select(_things.c.name).where(_things.c.number == 1))


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    database = Database(databases.url("catalog"))
    with database.writing() as connection:
        _things.metadata.create_all(connection)
    yield database
    database.close()


def things(database: Database) -> list[int]:
    with database.reading() as connection:
        return [number for (number,) in ALL.rows(connection, {})]


def add(database: Database, number: int) -> None:
    with database.writing() as connection:
        ADD.write(connection, {"number": number, "name": None})


def test_written_rows_are_read(database: Database) -> None:
    add(database, 1)
    add(database, 2)

    assert things(database) == [1, 2]


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit])
def test_any_exception_rolls_back_and_the_next_transaction_works(
    database: Database, error: type[BaseException]
) -> None:
    with contextlib.suppress(error), database.writing() as connection:
        ADD.write(connection, {"number": 1, "name": None})
        raise error
    assert things(database) == []

    add(database, 2)
    assert things(database) == [2]


def test_statements_of_core_and_prepared_ones_share_the_transaction(
    database: Database,
) -> None:
    with contextlib.suppress(KeyError), database.writing() as connection:
        ADD.write(connection, {"number": 1, "name": None})
        connection.execute(sa.insert(_things), {"number": 2})
        raise KeyError
    assert things(database) == []

    with database.writing() as connection:
        connection.execute(sa.insert(_things), {"number": 1})
        ADD.write(connection, {"number": 2, "name": None})
    assert things(database) == [1, 2]


def test_readers_do_not_wait_for_the_writer_and_do_not_see_half(
    database: Database,
) -> None:
    seen = []
    with database.writing() as connection:
        ADD.write(connection, {"number": 1, "name": None})
        reader = threading.Thread(target=lambda: seen.append(things(database)))
        reader.start()
        reader.join(10)

    assert seen == [[]]
    assert things(database) == [1]


def test_writers_take_turns(database: Database) -> None:
    threads = [
        threading.Thread(target=add, args=(database, number)) for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert things(database) == list(range(20))


def test_databases_of_two_processes_take_turns_too(
    database: Database,
) -> None:
    another = Database(database.url)
    for number in range(0, 10, 2):
        add(database, number)
        add(another, number + 1)
    another.close()

    assert things(database) == list(range(10))


def test_commits_to_a_file_are_flushed_by_default(
    tmp_path: Path,
) -> None:
    levels = {}
    for level in ("FULL", "NORMAL"):
        database = Database(f"sqlite:///{tmp_path}/{level}.db", synchronous=level)
        with database.writing() as connection:
            levels[level] = connection.exec_driver_sql("PRAGMA synchronous").scalar()
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        database.close()
        assert mode == "wal"
    default = Database(f"sqlite:///{tmp_path}/default.db")
    with default.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    default.close()

    assert levels == {"FULL": 2, "NORMAL": 1}


def test_a_commit_of_another_connection_is_noticed(database: Database) -> None:
    with database.reading() as connection:
        before = database.version(connection)
        assert database.version(connection) == before

    add(database, 1)

    with database.reading() as connection:
        assert database.version(connection) != before


def test_a_closed_database_opens_again_when_it_is_used(database: Database) -> None:
    add(database, 1)
    database.close()
    database.close()

    assert things(database) == [1]


def test_threads_that_come_and_go_share_few_connections_to_a_file(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path}/things.db")
    with database.writing() as connection:
        _things.metadata.create_all(connection)
    for _ in range(50):
        thread = threading.Thread(target=things, args=(database,))
        thread.start()
        thread.join()

    assert isinstance(database.store, SqliteStore)
    assert len(database.store._readers) < 10
    database.close()


@pytest.mark.server
def test_a_server_thread_that_has_read_a_file_ends_cleanly(
    tmp_path: Path,
) -> None:
    module = "tests.shared_kernel.web.a_servers_thread"
    command = [sys.executable, "-m", module, str(tmp_path / "things.db")]

    done = subprocess.run(command, check=False)

    assert done.returncode == 0


@pytest.mark.slow
def test_a_new_file_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    """Two that turn it to WAL at once are told that it is locked, one time in 75."""
    for number in range(200):
        url = f"sqlite:///{tmp_path / str(number)}.db"
        opened = [Database(url) for _ in range(4)]
        begin = threading.Barrier(len(opened))

        def use(database: Database, begin: threading.Barrier = begin) -> None:
            begin.wait()
            with database.maintaining() as connection:
                connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS things (x)")

        with ThreadPoolExecutor(len(opened)) as threads:
            list(threads.map(use, opened))
        for database in opened:
            database.close()


def test_the_folder_of_the_file_is_created(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/new/things.db")) as database:
        database.open()

    assert (tmp_path / "new" / "things.db").is_file()


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageUnavailableError, match=r"cannot be opened: .*/file: "):
        Database(f"sqlite:///{tmp_path}/file/things.db")


def test_a_full_disk_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/things.db")) as database:
        assert database.store.hint.startswith("make its folder writable")

        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=4096))

        assert database.store.hint.startswith("its disk is full: free some space")


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("BEGIN", None, Exception("database is locked")),
        IntegrityError("x", None, Exception(), connection_invalidated=True),
        ConcurrentUpdateError(),
        StorageUnavailableError(),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_transient_errors_are_faults(error: Exception) -> None:
    assert is_fault(error)


@pytest.mark.parametrize(
    "error", [KeyError(), ValueError(), IntegrityError("INSERT", None, Exception())]
)
def test_permanent_errors_are_not_faults(error: Exception) -> None:
    assert not is_fault(error)


def test_a_prepared_statement_returns_how_many_rows_it_wrote(
    database: Database,
) -> None:
    rows = [{"number": number, "name": None} for number in range(3)]
    with database.writing() as connection:
        assert ADD.write_all(connection, rows) == 3
        assert ADD.write_all(connection, []) == 0
        assert RENAME.write(connection, {"which": 1}) == 1
        assert RENAME.write(connection, {"which": 9}) == 0


def test_a_prepared_statement_holds_values_of_its_own(database: Database) -> None:
    add(database, 1)
    with database.writing() as connection:
        RENAME.write(connection, {"which": 1})

    with database.reading() as connection:
        assert NAME.row(connection, {}) == ("fixed",)


def test_a_prepared_statement_that_finds_nothing_returns_none(
    database: Database,
) -> None:
    with database.reading() as connection:
        assert NAME.row(connection, {}) is None
        assert NAME.rows(connection, {}) == []


@pytest.mark.parametrize("many", [False, True])
def test_errors_of_prepared_statements_are_sqlalchemys(
    database: Database, many: bool
) -> None:
    add(database, 1)
    row = {"number": 1, "name": None}

    def add_again() -> None:
        with database.writing() as connection:
            if many:
                ADD.write_all(connection, [row])
            else:
                ADD.write(connection, row)

    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        add_again()
