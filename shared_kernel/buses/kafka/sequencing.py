"""Events of one log from several partitions, in the order of their positions."""

import heapq
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

HELD_S = 0.1
"""After this long, what is missing does not come: it is read from the log."""


class Sequencer(Generic[T]):
    """Holds back what has come before its predecessor, behind the position `after`."""

    def __init__(self, after: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._last = after
        self._clock = clock
        self._held: list[tuple[int, int, T]] = []
        self._number = 0
        self._since = 0.0

    @property
    def holds(self) -> bool:
        return bool(self._held)

    def add(self, found: Sequence[tuple[int, T]]) -> None:
        """Each with its position."""
        if found and not self._held:
            self._since = self._clock()
        for position, each in found:
            self._number += 1
            heapq.heappush(self._held, (position, self._number, each))

    def take(self) -> list[T]:
        """What may be delivered now."""
        ready = []
        late = self._clock() - self._since >= HELD_S
        while self._held and (late or self._held[0][0] <= self._last + 1):
            position, _, each = heapq.heappop(self._held)
            self._last = max(self._last, position)
            ready.append(each)
        if ready:
            self._since = self._clock()
        return ready
