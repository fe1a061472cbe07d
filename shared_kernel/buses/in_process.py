"""The bus inside one process: a blinker signal."""

import itertools
from collections.abc import Iterator, Sequence

import attrs
import structlog
from blinker import Signal

from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import Deliver
from shared_kernel.events.envelope import Envelope

_log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class _Group:
    """The members that share the envelopes of one pattern, each batch to the next."""

    members: list[Deliver] = attrs.field(factory=list)
    _turns: Iterator[int] = attrs.field(factory=itertools.count)

    def deliver(self, batch: Sequence[Envelope]) -> None:
        self.members[next(self._turns) % len(self.members)](batch)


class InProcessBus:
    """Calls each group in the publisher's thread, one send for a batch.

    blinker stops at the first receiver that raises; hence none does: what a member
    raises is logged, and what it dropped stands in the log.
    """

    def __init__(self) -> None:
        self._published = Signal("published")
        self._groups: dict[tuple[str, str], _Group] = {}

    def publish(self, batch: Sequence[Envelope]) -> None:
        if batch:
            self._published.send(batch)

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> None:
        matches = matcher(pattern)
        members = self._groups.get((pattern, group))
        if members is not None:
            members.members.append(deliver)
            return
        joined = self._groups[pattern, group] = _Group([deliver])

        def receive(batch: Sequence[Envelope]) -> None:
            if wanted := [envelope for envelope in batch if matches(envelope.type)]:
                try:
                    joined.deliver(wanted)
                except Exception:  # noqa: BLE001 - the other groups get it all the same
                    _log.exception("delivery failed", pattern=pattern, group=group)

        # weak: the signal alone would not keep the closure alive.
        self._published.connect(receive, weak=False)

    def close(self) -> None:
        self._groups.clear()
        self._published = Signal("published")
