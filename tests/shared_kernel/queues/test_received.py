"""Messages of other programs are known by their ids, in the database of their rows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from shared_kernel.queues.received import FORGET_EVERY_US, ReceivedMessages
from shared_kernel.storage.database import Database
from tests.shared_kernel.events.builders import ManualClock
from tests.shared_kernel.queues.builders import a_database

KEPT_S = 3600


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("schemas").url("new")
    with a_database(url) as database:
        yield database


def received(database: Database, clock: ManualClock, queue: str = "work") -> "Noting":
    return Noting(ReceivedMessages(database, queue, KEPT_S, clock), database)


class Noting:
    """Each in a transaction of its own."""

    def __init__(self, messages: ReceivedMessages, database: Database) -> None:
        self.messages = messages
        self._database = database

    def note(self, *ids: str) -> list[bool]:
        with self._database.writing() as connection:
            return self.messages.note(connection, ids)


def test_one_is_new_once(database: Database) -> None:
    clock = ManualClock()
    messages = received(database, clock)

    assert messages.note("a", "b", "a") == [True, True, False]
    assert messages.note("b", "c") == [False, True]
    assert received(database, clock).note("c", "") == [False, True]


def test_each_queue_has_its_own(database: Database) -> None:
    clock = ManualClock()
    received(database, clock).note("a")

    assert received(database, clock, "other").note("a") == [True]


def test_what_is_rolled_back_was_not_received(database: Database) -> None:
    clock = ManualClock()
    messages = ReceivedMessages(database, "work", KEPT_S, clock)

    def refused(connection: Connection) -> None:
        messages.note(connection, ["a"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        refused(connection)

    assert received(database, clock).note("a") == [True]


def test_it_is_forgotten_when_no_broker_has_it_any_more(database: Database) -> None:
    clock = ManualClock()
    messages = received(database, clock)
    messages.note("a")
    clock.advance(KEPT_S / 2)
    messages.note("b")

    clock.advance(KEPT_S / 2 + 1)
    assert messages.messages.forget_old() == 1
    assert messages.messages.forget_old() == 0
    assert messages.note("a", "b") == [True, False]


def test_it_is_looked_for_old_ones_now_and_then(database: Database) -> None:
    clock = ManualClock()
    messages = received(database, clock)
    messages.note("a")
    assert messages.messages.forget_old() == 0
    clock.advance(KEPT_S + 1)

    assert messages.messages.forget_old() == 1
    messages.note("b")
    clock.advance(FORGET_EVERY_US / 2_000_000)
    assert messages.messages.forget_old() == 0
