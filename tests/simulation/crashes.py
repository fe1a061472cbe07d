"""Every point at which a process may crash, in turn."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import (
    Capabilities,
    Deliver,
    Delivery,
    EventBus,
    Leave,
)
from shared_kernel.events.positions import AfterCommit
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

_HAS_WRITTEN = Prepared(sa.text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL"))
_UNSETTLED = Prepared(sa.text("SELECT 1 FROM event_log WHERE position IS NULL LIMIT 1"))


class Crash(BaseException):
    """The process has crashed, and its memory is lost."""


@attrs.define
class CrashPoints:
    """Counts the points passed, and crashes at the point with a given number."""

    crash_at: int | None = None
    places: list[str] = attrs.field(factory=list)
    crashed: str = ""

    @property
    def passed(self) -> int:
        return len(self.places)

    def point(self, where: str) -> None:
        self.places.append(where)
        if self.passed == self.crash_at:
            self.crashed = where
            raise Crash(where)


class CrashableBus:
    """`bus`, with a crash point before and after each publish and each delivery."""

    def __init__(self, bus: EventBus, points: CrashPoints) -> None:
        self._bus = bus
        self._points = points

    def publish(self, batch: Sequence[Envelope]) -> None:
        self._points.point("before publish")
        self._bus.publish(batch)
        self._points.point("after publish")

    @property
    def capabilities(self) -> Capabilities:
        return self._bus.capabilities

    def broker(self) -> BrokerState:
        return self._bus.broker()

    def open(self) -> None:
        self._bus.open()

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        def crashable(delivery: Delivery) -> None:
            self._points.point(f"before delivery to {group}")
            deliver(delivery)
            self._points.point(f"after delivery to {group}")

        return self._bus.subscribe(pattern, group, crashable)

    def close(self) -> None:
        self._bus.close()


def crash_around_commits(patch: pytest.MonkeyPatch, points: CrashPoints) -> None:
    """Crash points instead of and after each commit that writes anything."""
    writing = Database.writing

    @contextmanager
    def crashable(database: Database) -> Iterator[Connection]:
        owner, wrote = owner_of(database), False
        with writing(database) as connection:
            has_written = changes_of(connection)
            yield connection
            wrote = has_written()
            if wrote:
                points.point(f"instead of commit to {owner}")
        if wrote:
            points.point(f"after commit to {owner}")

    patch.setattr(Database, "writing", crashable)


def crash_around_settling(patch: pytest.MonkeyPatch, points: CrashPoints) -> None:
    """Crash points before and after entries get their positions, if any lack them.

    If the insert gives positions, nothing happens between it and its commit.
    """
    settle = AfterCommit.settle

    def crashable(positions: AfterCommit) -> int:
        owner = owner_of(positions.database)
        with positions.database.reading() as connection:
            unsettled = _UNSETTLED.row(connection, {})
        if unsettled is None:
            return settle(positions)
        points.point(f"before positions in {owner}")
        head = settle(positions)
        points.point(f"after positions in {owner}")
        return head

    patch.setattr(AfterCommit, "settle", crashable)


def writers_of(patch: pytest.MonkeyPatch) -> Sequence[str]:
    """The owners of all databases with an open write transaction."""
    writing, open_ones = Database.writing, list[str]()

    @contextmanager
    def watched(database: Database) -> Iterator[Connection]:
        with writing(database) as connection:
            open_ones.append(owner_of(database))
            try:
                yield connection
            finally:
                open_ones.remove(owner_of(database))

    patch.setattr(Database, "writing", watched)
    return open_ones


def owner_of(database: Database) -> str:
    return re.split("[/=]", database.url)[-1].removesuffix(".db")


def changes_of(connection: Connection) -> Callable[[], bool]:
    """Returns a function: has the transaction that has just begun written anything?"""
    if connection.dialect.name == "postgresql":
        return lambda: _HAS_WRITTEN.row(connection, {}) == (True,)
    before = total_changes(connection)
    return lambda: total_changes(connection) != before


def total_changes(connection: Connection) -> int:
    """How many rows the connection to a SQLite file has ever written."""
    driver = connection.connection.dbapi_connection
    return int(driver.total_changes)  # type: ignore[union-attr]  # sqlite3 has it
