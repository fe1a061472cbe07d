"""Where time comes from. The domain gets it as an argument."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

Clock = Callable[[], datetime]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def system_clock() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def to_us(moment: datetime) -> int:
    """Whole microseconds since 1970 (UTC): how moments are stored."""
    return (moment - EPOCH) // _MICROSECOND


# Events of one commit have the same time.
@lru_cache(maxsize=256)
def from_us(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def rfc3339(moment: datetime) -> str:
    """In UTC, such as `2026-03-01T12:00:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Moment(NamedTuple):
    """One reading of both clocks, in microseconds.

    `wall_us` is since 1970 (UTC), and may jump: it says when something was. Durations
    are measured by `monotonic_us` alone, which never goes back and means nothing to
    another process.
    """

    wall_us: int
    monotonic_us: int


def moments_of(clock: Clock) -> Callable[[], Moment]:
    """Reads `clock`, and the machine's monotonic clock beside the machine's own.

    Any other clock serves for both.
    """
    if clock is system_clock:
        return lambda: Moment(to_us(clock()), time.monotonic_ns() // 1000)

    def read() -> Moment:
        now_us = to_us(clock())
        return Moment(now_us, now_us)

    return read
