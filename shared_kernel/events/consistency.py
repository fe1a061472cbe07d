"""Reading one's own writes: a read that waits until a read model has seen enough."""

import threading
import time
from collections.abc import Callable, Mapping

import attrs

POLL_S = 0.02
"""How often to look for progress that another process makes."""


@attrs.frozen
class Behind:
    """A reader of `source` has come to `reached`, where `wanted` was asked for."""

    source: str
    wanted: int
    reached: int

    @property
    def lag_events(self) -> int:
        return self.wanted - self.reached


class ReadModelBehindError(Exception):
    """The read model did not come as far as asked for within the time allowed."""

    def __init__(self, behind: Behind) -> None:
        super().__init__(
            f"{behind.source} has been read up to {behind.reached}, not {behind.wanted}"
        )
        self.behind = behind


class Progress:
    """Wakes whoever waits for a log to grow, or for a subscription to get on."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.count = 0
        """How often it was made: whoever knows it finds out whether there was more."""

    def made(self) -> None:
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def pause(self, seen: int, timeout_s: float) -> None:
        """Return when there was more than `seen`, or after that time."""
        with self._condition:
            self._condition.wait_for(lambda: self.count != seen, timeout_s)

    def wait(self, behind: Callable[[], Behind | None], timeout_s: float) -> None:
        """Return as soon as `behind()` is None. Raises ReadModelBehindError."""
        deadline = time.monotonic() + timeout_s
        while (lag := behind()) is not None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise ReadModelBehindError(lag)
            with self._condition:
                self._condition.wait(min(left_s, POLL_S))


Through = Callable[[int, float], int]
"""Asks the other context: by which position of its log is all recorded that the events
up to the given position of this one caused? Waits for that so many seconds at the most.
Raises ReadModelBehindError."""


def followed_through(
    source: str,
    followed: Callable[[], int],
    head: Callable[[], int],
    progress: Progress,
) -> Through:
    """Answers for a context that has `followed` `source`, and whose log has `head`."""

    def through(position: int, timeout_s: float) -> int:
        def behind() -> Behind | None:
            reached = followed()
            return Behind(source, position, reached) if reached < position else None

        progress.wait(behind, timeout_s)
        return head()

    return through


@attrs.frozen(kw_only=True)
class Reader:
    """A read model that can tell how far it has come, per source.

    What a position of the source `origin` names counts as seen only together with what
    it caused in `by_way_of`, and that is what `through` finds out.
    """

    cursors: Mapping[str, Callable[[], int]]
    progress: Progress
    origin: str | None = None
    by_way_of: str | None = None
    through: Through | None = None

    @property
    def sources(self) -> frozenset[str]:
        """The sources whose positions mean something to this reader."""
        named = {*self.cursors, self.origin, self.by_way_of}
        return frozenset(source for source in named if source is not None)

    def wait_for(self, token: Mapping[str, int], timeout_s: float) -> None:
        """Return once all of `token` is visible. Raises ReadModelBehindError."""
        deadline = time.monotonic() + timeout_s
        wanted = {source: token[source] for source in self.cursors if source in token}
        caused_by = token.get(self.origin) if self.origin else None
        if caused_by is not None and self.through and self.by_way_of:
            # Asked once: what others write meanwhile is not waited for.
            settled = self.through(caused_by, timeout_s)
            wanted[self.by_way_of] = max(wanted.get(self.by_way_of, 0), settled)

        def behind() -> Behind | None:
            for source, position in wanted.items():
                reached = self.cursors[source]()
                if reached < position:
                    return Behind(source, position, reached)
            return None

        self.progress.wait(behind, deadline - time.monotonic())
