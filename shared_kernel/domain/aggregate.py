"""The shape every aggregate has: an identity, a version, and the facts it recorded."""

from abc import ABC, abstractmethod

import attrs

from shared_kernel.domain.errors import StaleVersion
from shared_kernel.domain.event import DomainEvent


@attrs.define(eq=False, kw_only=True)
class Aggregate(ABC):
    """Consistent in itself, changed only through its methods, saved as one.

    `version` counts the events of the aggregate's life: the first is number 1. Each
    recorded event is numbered by it, so that a version names one state and one fact.
    """

    version: int = 0
    _recorded: list[tuple[int, DomainEvent]] = attrs.field(
        factory=list, init=False, repr=False
    )

    @property
    @abstractmethod
    def key(self) -> str:
        """Its identity as text: the key of its events, and of its row."""

    def record(self, event: DomainEvent) -> None:
        self.version += 1
        self._recorded.append((self.version, event))

    def collect(self) -> list[tuple[int, DomainEvent]]:
        """Hand over what was recorded since the last call, with its versions."""
        recorded, self._recorded = self._recorded, []
        return recorded

    def expect(self, version: int | None) -> None:
        """Raise StaleVersion unless it is at `version`; None asks nothing."""
        if version is not None and version != self.version:
            raise StaleVersion(key=self.key, seen=version, current=self.version)
