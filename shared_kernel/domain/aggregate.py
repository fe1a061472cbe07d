"""The base class of aggregates: an identity, a version, and recorded events."""

from abc import ABC, abstractmethod

import attrs

from shared_kernel.domain.errors import StaleVersion
from shared_kernel.domain.event import DomainEvent


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

    def expect(self, version: int | None) -> None:
        """Raise StaleVersion unless it is at `version`; None skips the check."""
        if version is not None and version != self.version:
            raise StaleVersion(key=self.key, seen=version, current=self.version)
