"""A source's database and log, a subscriber's database, and a clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_kernel.adapters.database import Database
from shared_kernel.events.event_log import EventLog
from tests.shared_kernel.events.builders import SOURCE, ManualClock, a_database


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Database]:
    with a_database(tmp_path / "source.db") as database:
        yield database


@pytest.fixture
def subscriber(tmp_path: Path) -> Iterator[Database]:
    with a_database(tmp_path / "subscriber.db") as database:
        yield database


@pytest.fixture
def log(source: Database) -> EventLog:
    return EventLog(source, SOURCE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
