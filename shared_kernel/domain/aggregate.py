"""The base class of aggregates: an identity, a version, and recorded events."""

from abc import ABC, abstractmethod

import attrs

from shared_kernel.domain.event import DomainEvent
from shared_kernel.domain.expectation import Expectation, a_version


@attrs.define(eq=False, kw_only=True)
class Aggregate(ABC):
    """A consistency boundary: changed only through its methods, saved as a whole.

    `version` is the number of events since the aggregate was created: the first is
    number 1. So a version identifies one event and the state after it.
    """

    version: int = 0
    _recorded: list[tuple[int, DomainEvent]] = attrs.field(
        factory=list, init=False, repr=False
    )

    @property
    @abstractmethod
    def key(self) -> str:
        """Its identity as text: the key of its events and of its row."""

    def record(self, event: DomainEvent) -> None:
        self.version += 1
        self._recorded.append((self.version, event))

    def collect(self) -> list[tuple[int, DomainEvent]]:
        """Return the events recorded since the last call, with their versions."""
        recorded, self._recorded = self._recorded, []
        return recorded

    def expect(
        self, expected: int | Expectation | None, *, exists: bool = True
    ) -> None:
        """Raise StaleVersion or PreconditionFailed unless it is as expected.

        A number is the version it has to be at; None skips the check. `exists` tells of
        the part that the command names, if it names one.
        """
        if expected is None:
            return
        if isinstance(expected, int):
            expected = a_version(expected)
        expected.check(self.key, self.version, exists=exists)
