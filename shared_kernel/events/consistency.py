"""Reading one's own writes: a read waits until the read model has applied them."""

import threading
import time
from collections.abc import Callable, Mapping

import attrs

from shared_kernel.storage.errors import is_fault

POLL_S = 0.02
"""How often to check for progress made by another process."""

PLACES = 16
"""How many requests may wait at a time, by default."""


@attrs.frozen
class Behind:
    """A reader of `source` is at position `reached`, but `wanted` was asked for."""

    source: str
    wanted: int
    reached: int

    @property
    def lag_events(self) -> int:
        return self.wanted - self.reached


class ReadModelBehindError(Exception):
    """The read model did not reach the position asked for within the time allowed."""

    def __init__(self, behind: Behind) -> None:
        super().__init__(
            f"{behind.source} has been read up to {behind.reached}, not {behind.wanted}"
        )
        self.behind = behind


class TooManyWaitError(ReadModelBehindError):
    """The read model is behind, and too many requests wait for it already."""

    def __str__(self) -> str:
        return f"too many requests wait for the read model: {super().__str__()}"


class UnknownPositionError(Exception):
    """`position` was asked for, but the log of `source` ends at `end`."""

    def __init__(self, source: str, position: int, end: int) -> None:
        super().__init__(f"{source} has no position {position}: its log ends at {end}")
        self.source = source
        self.position = position
        self.end = end


class Progress:
    """Wakes threads that wait for a log to grow, or for a subscription to advance.

    Waiting for a subscription occupies a thread and one of the `places`.
    """

    def __init__(self, places: int = PLACES) -> None:
        self._vacant = threading.BoundedSemaphore(places)
        self._condition = threading.Condition()
        self.count = 0
        """How often progress was made: compare it with an earlier value."""

    def made(self) -> None:
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def pause(self, seen: int, timeout_s: float) -> None:
        """Return when the count exceeds `seen`, or after that time."""
        with self._condition:
            self._condition.wait_for(lambda: self.count != seen, timeout_s)

    def wait(self, behind: Callable[[], Behind | None], timeout_s: float) -> None:
        """Return as soon as `behind()` is None. Raises ReadModelBehindError.

        If no place is free, it raises TooManyWaitError at once.
        """
        deadline = time.monotonic() + timeout_s
        lag = behind()
        if lag is None:
            return
        if not self._vacant.acquire(blocking=False):
            raise TooManyWaitError(lag)
        try:
            while lag is not None:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise ReadModelBehindError(lag)
                with self._condition:
                    self._condition.wait(min(left_s, POLL_S))
                lag = behind()
        finally:
            self._vacant.release()


Through = Callable[[int, float], int]
"""Asks the other context up to which position its log reflects the events of this one,
up to the given position. Waits at most the given seconds. Raises
ReadModelBehindError."""


def followed_through(
    source: str,
    followed: Callable[[], int],
    head: Callable[[], int],
    progress: Progress,
) -> Through:
    """A `Through` for a context with a log of `head` that has `followed` `source`."""

    def through(position: int, timeout_s: float) -> int:
        def behind() -> Behind | None:
            reached = followed()
            return Behind(source, position, reached) if reached < position else None

        progress.wait(behind, timeout_s)
        return head()

    return through


@attrs.frozen(kw_only=True)
class Reader:
    """A read model that knows its position in each source.

    A position of the source `origin` counts as visible only when the events that it
    caused in `by_way_of` are visible too; `through` finds those. `heads` return the
    ends of the logs that can be asked: a request for a position beyond the end is
    refused.
    """

    cursors: Mapping[str, Callable[[], int]]
    heads: Mapping[str, Callable[[], int]] = attrs.field(factory=dict)
    progress: Progress
    origin: str | None = None
    by_way_of: str | None = None
    through: Through | None = None

    @property
    def sources(self) -> frozenset[str]:
        """The sources whose positions this reader understands."""
        named = {*self.cursors, self.origin, self.by_way_of}
        return frozenset(source for source in named if source is not None)

    def wait_for(self, token: Mapping[str, int], timeout_s: float) -> None:
        """Return once all of `token` is visible.

        Raises ReadModelBehindError and UnknownPositionError.
        """
        deadline = time.monotonic() + timeout_s
        wanted = {
            source: token[source]
            for source, reached in self.cursors.items()
            if source in token and reached() < token[source]
        }
        self._refuse_unknown(wanted)
        caused_by = token.get(self.origin) if self.origin else None
        if caused_by is not None and self.through and self.by_way_of:
            # Asked once: later writes of others are not waited for.
            left_s = max(0.0, deadline - time.monotonic())
            settled = self.through(caused_by, left_s)
            wanted[self.by_way_of] = max(wanted.get(self.by_way_of, 0), settled)

        def behind() -> Behind | None:
            for source, position in wanted.items():
                reached = self.cursors[source]()
                if reached < position:
                    return Behind(source, position, reached)
            return None

        self.progress.wait(behind, deadline - time.monotonic())

    def _refuse_unknown(self, wanted: Mapping[str, int]) -> None:
        # A token is issued after the commit, so its positions are in the log by now.
        for source, position in wanted.items():
            end = self._end_of(source)
            if end is not None and end < position:
                raise UnknownPositionError(source, position, end)

    def _end_of(self, source: str) -> int | None:
        """The end of the log of `source`, if it can be asked now."""
        if source not in self.heads:
            return None
        try:
            return self.heads[source]()
        except Exception as error:
            if not is_fault(error):
                raise
            return None
