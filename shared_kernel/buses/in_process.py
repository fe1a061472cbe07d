"""The bus inside one process: a blinker signal."""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial

import attrs
import structlog
from blinker import Signal

from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import Capabilities, Deliver, Delivery, Leave

_log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class _Group:
    """Members that share the envelopes of one pattern, batch by batch in turn."""

    members: list[Deliver] = attrs.field(factory=list)
    _turns: Iterator[int] = attrs.field(factory=itertools.count)

    def deliver(self, batch: Sequence[Envelope]) -> None:
        # Members come and go in other threads.
        if members := tuple(self.members):
            members[next(self._turns) % len(members)](Delivery(batch, from_log=True))


class InProcessBus:
    """Calls each group in the publisher's thread, one send for a batch.

    Only this process can publish here, and each batch was just read from a log.

    blinker stops at the first receiver that raises. So no receiver does: the exception
    of a member is logged, and the log still has the events.
    """

    capabilities = Capabilities(
        between_processes=False,
        between_replicas=False,
        at_least_once=False,
        waits_for_members=False,
        in_order=True,
    )

    def __init__(self) -> None:
        self._published = Signal("published")
        self._groups: dict[tuple[str, str], _Group] = {}

    def broker(self) -> BrokerState:
        return BrokerState(kind="inprocess", reachable=True)

    def open(self) -> None:
        """There is nothing to connect to."""

    def publish(self, batch: Sequence[Envelope]) -> None:
        if batch:
            self._published.send(batch)

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        joined = self._groups.get((pattern, group))
        if joined is None:
            joined = self._groups[pattern, group] = self._found(pattern, group)
        joined.members.append(deliver)
        return partial(_leave, joined, deliver)

    def close(self) -> None:
        self._groups.clear()
        self._published = Signal("published")

    def _found(self, pattern: str, group: str) -> _Group:
        matches = matcher(pattern)
        founded = _Group()

        def receive(batch: Sequence[Envelope]) -> None:
            types = {envelope.type for envelope in batch}
            wanted_types = set(filter(matches, types))
            wanted = batch
            if len(wanted_types) < len(types):
                wanted = [each for each in batch if each.type in wanted_types]
            if wanted:
                try:
                    founded.deliver(wanted)
                except Exception:  # noqa: BLE001 - the other groups get it all the same
                    _log.exception("delivery failed", pattern=pattern, group=group)

        # weak: the signal alone would not keep the closure alive.
        self._published.connect(receive, weak=False)
        return founded


def _leave(group: _Group, member: Deliver) -> None:
    if member in group.members:
        group.members.remove(member)
