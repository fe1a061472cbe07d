"""A source's database and log, a subscriber's database, and a clock."""

from collections.abc import Iterator

import pytest

from shared_kernel.events.event_log import EventLog
from shared_kernel.storage.database import Database
from tests.databases import Databases
from tests.shared_kernel.events.builders import SOURCE, ManualClock, a_database


@pytest.fixture
def source(databases: Databases) -> Iterator[Database]:
    with a_database(databases.url("catalog")) as database:
        yield database


@pytest.fixture
def subscriber(databases: Databases) -> Iterator[Database]:
    with a_database(databases.url("inventory")) as database:
        yield database


@pytest.fixture
def log(source: Database) -> EventLog:
    return EventLog(source, SOURCE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
