"""A source's database and log, a subscriber's database, and a clock."""

from collections.abc import Iterator

import pytest

from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import note_relay
from shared_kernel.events.subscription import Subscription
from shared_kernel.storage.database import Database
from tests.databases import Databases
from tests.shared_kernel.events.builders import SOURCE, ManualClock, a_database
from tests.shared_kernel.events.readers import OURS, Elsewhere, a_reader


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


@pytest.fixture
def feed(log: EventLog, source: Database) -> Elsewhere:
    with source.writing() as connection:
        note_relay(connection, OURS)
    return Elsewhere(log)


@pytest.fixture
def reader(feed: Elsewhere, subscriber: Database, clock: ManualClock) -> Subscription:
    return a_reader(feed, subscriber, clock)
