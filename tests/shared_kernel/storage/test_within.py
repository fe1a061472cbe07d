"""Code that commits, tried within a transaction that is rolled back."""

import contextlib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared
from shared_kernel.storage.watching import watched
from shared_kernel.storage.within import WithinTransaction
from tests.databases import Databases

_metadata = sa.MetaData()
_things = sa.Table(
    "things", _metadata, sa.Column("number", sa.BigInteger, primary_key=True)
)
ADD = Prepared(sa.insert(_things))
ALL = Prepared(sa.select(_things.c.number).order_by(_things.c.number))


class Stop(Exception):
    pass


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    database = Database(databases.url("catalog"))
    with database.writing() as connection:
        _metadata.create_all(connection)
    yield database
    database.close()


def add(database: Database, number: int, *, fail: bool = False) -> None:
    with contextlib.suppress(Stop), database.writing() as connection:
        ADD.write(connection, {"number": number})
        if fail:
            raise Stop


def numbers(database: Database) -> list[int]:
    with database.reading() as connection:
        return [number for (number,) in ALL.rows(connection, {})]


def test_what_was_committed_is_read_there_and_nowhere_else(database: Database) -> None:
    with database.trial() as connection, watched(connection):
        within = WithinTransaction(database, connection)
        add(within, 1)
        add(within, 2)

        assert numbers(within) == [1, 2]
    assert numbers(database) == []


def test_what_fails_is_undone_and_told_as_no_change(database: Database) -> None:
    with database.trial() as connection, watched(connection) as changes:
        within = WithinTransaction(database, connection)
        add(within, 1)
        add(within, 2, fail=True)

        assert numbers(within) == [1]
        assert [each.key for each in changes.taken()] == [{"number": 1}]
