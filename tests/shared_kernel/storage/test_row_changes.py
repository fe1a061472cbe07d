"""Which rows a transaction would change, and that nothing is left of it."""

import contextlib
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import ConcurrentUpdateError
from shared_kernel.storage.prepared import Prepared
from shared_kernel.storage.row_changes import RowChange
from shared_kernel.storage.watching import watched
from tests.databases import Databases, Schemas

_metadata = sa.MetaData()
_things = sa.Table(
    "things",
    _metadata,
    sa.Column("shelf", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text),
    sa.Column("picture", sa.LargeBinary),
)
_notes = sa.Table("notes", _metadata, sa.Column("text", sa.Text))
PUT = Prepared(
    sa.text(
        "INSERT INTO things (shelf, number, name, picture)"
        " VALUES (:shelf, :number, :name, :picture)"
        " ON CONFLICT (shelf, number) DO UPDATE SET name = excluded.name"
    )
)
MOVE = Prepared(sa.text("UPDATE things SET number = :to WHERE number = :at"))
DELETE = Prepared(sa.text("DELETE FROM things"))
NOTE = Prepared(sa.text("INSERT INTO notes (text) VALUES (:text)"))
ALL = Prepared(sa.select(_things).order_by(_things.c.number))


class Stop(Exception):
    pass


def thing(number: int, name: str | None = None) -> dict[str, object]:
    return {"shelf": "A", "number": number, "name": name, "picture": b"\x00\xff"}


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    """Has thing 1, called "old"."""
    database = Database(databases.url("catalog"))
    with database.writing() as connection:
        _metadata.create_all(connection)
        PUT.write(connection, thing(1, "old"))
    yield database
    database.close()


def told(changes: list[RowChange]) -> list[tuple[object, ...]]:
    return [
        (each.key, each.before and each.before["name"], each.after and each.changed)
        for each in changes
    ]


A1, A2 = {"shelf": "A", "number": 1}, {"shelf": "A", "number": 2}


def test_rows_are_told_with_their_values_before_and_after(database: Database) -> None:
    with database.trial() as connection, watched(connection) as changes:
        PUT.write(connection, thing(1, "new"))
        PUT.write(connection, thing(2))
        first = changes.taken()
        DELETE.write(connection, {})
        second = changes.taken()

    assert told(first) == [
        (A1, "old", {"name": ("old", "new")}),
        (
            A2,
            None,
            {"shelf": (None, "A"), "number": (None, 2), "picture": (None, b"\x00\xff")},
        ),
    ]
    assert sorted(told(second), key=str) == [(A1, "new", None), (A2, None, None)]
    assert second[0].before == thing(1, "new")


def test_several_changes_of_a_row_are_told_as_one(database: Database) -> None:
    with database.trial() as connection, watched(connection) as changes:
        for name in ("newer", "newest"):
            PUT.write(connection, thing(1, name))
            PUT.write(connection, thing(2, name))
        MOVE.write(connection, {"at": 2, "to": 3})
        taken = changes.taken()

    differing = [each for each in taken if each.differs]
    assert [(each.key, each.before and each.before["name"]) for each in differing] == [
        (A1, "old"),
        ({"shelf": "A", "number": 3}, None),
    ]


def test_what_is_written_as_it_was_does_not_differ(database: Database) -> None:
    with database.trial() as connection, watched(connection) as changes:
        for name in ("new", "old"):
            PUT.write(connection, thing(1, name))

        (written,) = changes.taken()

    assert not written.differs
    assert written.changed == {}


def test_rows_without_a_key_are_told_each(database: Database) -> None:
    with database.trial() as connection, watched(connection) as changes:
        for _ in range(2):
            NOTE.write(connection, {"text": "same"})
        taken = changes.taken()

    assert [each.key for each in taken] == [{"text": "same"}] * 2


def test_what_is_rolled_back_to_a_savepoint_is_not_told(database: Database) -> None:
    with database.trial() as connection, watched(connection) as changes:
        with changes.savepoint():
            PUT.write(connection, thing(2))
        with contextlib.suppress(Stop), changes.savepoint():
            PUT.write(connection, thing(3))
            raise Stop
        with contextlib.suppress(sa.exc.IntegrityError), changes.savepoint():
            PUT.write(connection, thing(4))
            MOVE.write(connection, {"at": 4, "to": 1})
            pytest.fail("there is a thing 1 already")
        taken = changes.taken()

        assert [each.key["number"] for each in taken] == [2]
        assert [row[1] for row in ALL.rows(connection, {})] == [1, 2]


def test_tables_that_are_left_out_are_not_told(database: Database) -> None:
    with (
        database.trial() as connection,
        watched(connection, besides={"things"}) as changes,
    ):
        PUT.write(connection, thing(2))
        NOTE.write(connection, {"text": "seen"})

        assert [each.table.name for each in changes.taken()] == ["notes"]


def test_after_a_trial_nothing_is_left(database: Database) -> None:
    for _ in range(2):
        with database.trial() as connection, watched(connection) as changes:
            PUT.write(connection, thing(1, "new"))
            assert len(changes.taken()) == 1
            PUT.write(connection, thing(1, "newer"))

    # Nothing records this, and nothing of before is told.
    with database.writing() as connection:
        PUT.write(connection, thing(1, "kept"))
    with database.trial() as connection, watched(connection) as changes:
        assert changes.taken() == []
    with database.reading() as connection:
        assert [row[2] for row in ALL.rows(connection, {})] == ["kept"]


def test_a_trial_that_fails_raises_and_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.trial() as connection, watched(connection):
            PUT.write(connection, thing(1, "new"))
            raise Stop

    with pytest.raises(Stop):
        fail()

    with database.reading() as connection:
        assert [row[2] for row in ALL.rows(connection, {})] == ["old"]


@pytest.mark.server
def test_on_postgresql_it_gives_way_to_those_that_write(schemas: Schemas) -> None:
    with closing(Database(schemas.url("catalog"))) as database:
        with database.writing() as writer:
            _metadata.create_all(writer)
        with database.writing() as writer:
            PUT.write(writer, thing(1, "new"))

            with (
                pytest.raises(ConcurrentUpdateError, match="others write"),
                database.trial() as connection,
                watched(connection),
            ):
                pass

        with database.reading() as connection:
            assert [row[2] for row in ALL.rows(connection, {})] == ["new"]
