"""Every point at which a process may die, in turn."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs
import pytest
from sqlalchemy.engine import Connection

from shared_kernel.adapters.database import Database
from shared_kernel.buses.port import (
    Capabilities,
    Deliver,
    Delivery,
    EventBus,
    Leave,
)
from shared_kernel.events.envelope import Envelope


class Crash(BaseException):
    """The process is gone, and all that it had in memory."""


@attrs.define
class CrashPoints:
    """Counts the points that are passed, and crashes at the next one of that number."""

    crash_at: int | None = None
    passed: int = 0
    crashed: str = ""

    def point(self, where: str) -> None:
        self.passed += 1
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
    """A crash point instead of and after each commit that writes anything."""
    writing = Database.writing

    @contextmanager
    def crashable(database: Database) -> Iterator[Connection]:
        file = database.url.rpartition("/")[2]
        wrote = False
        with writing(database) as connection:
            before = total_changes(connection)
            yield connection
            wrote = total_changes(connection) != before
            if wrote:
                points.point(f"instead of commit to {file}")
        if wrote:
            points.point(f"after commit to {file}")

    patch.setattr(Database, "writing", crashable)


def total_changes(connection: Connection) -> int:
    """How many rows the connection has ever written."""
    driver = connection.connection.dbapi_connection
    return int(driver.total_changes)  # type: ignore[union-attr]  # sqlite3 has it
