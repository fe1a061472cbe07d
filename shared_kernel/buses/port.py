"""What every bus can do, whatever carries the messages.

BusError
├── BusUnavailableError     it cannot be reached now, and may be again by itself
└── BusMisconfiguredError   it will not work before somebody mends it
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from shared_kernel.buses.envelope import Envelope


class BusError(Exception):
    """The bus does not do what was asked. The log keeps what it should have carried."""


class BusUnavailableError(BusError):
    """The bus cannot be reached now. Trying again later is right."""


class BusMisconfiguredError(BusError):
    """The bus is there, but not as needed. The message, a line, says the mend."""


def _nothing() -> None:
    """A bus that promises nothing needs no answer."""


@attrs.frozen(eq=False)
class Delivery:
    """A batch that a bus brings, and the two answers to it.

    Either `acknowledge` or `reject` is called, once, by any thread and at any time. A
    bus that delivers at least once brings again, after a while, what was rejected and
    what is not answered in time.

    `from_log`: read from the log just now, in this process or at its peer; so it has no
    seal and needs none. On a bus `between_replicas` nothing is.
    """

    envelopes: Sequence[Envelope]
    acknowledge: Callable[[], None] = _nothing
    reject: Callable[[], None] = _nothing
    from_log: bool = False


Deliver = Callable[[Delivery], None]
Leave = Callable[[], None]


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a bus promises beyond doing its best.

    `between_processes`: it reaches other processes. `between_replicas`: what a replica
    of a process publishes reaches the others, too. `at_least_once`: what was published
    and not acknowledged comes again. `waits_for_members`: a group that once
    had a member is brought what was published while it had none. `in_order`: one member
    of a group gets the envelopes of one publisher in the order of their publication, if
    none is brought again.
    """

    between_processes: bool
    between_replicas: bool
    at_least_once: bool
    waits_for_members: bool
    in_order: bool


class EventBus(Protocol):
    """Hurries batches of envelopes along; may lose, repeat, reorder or delay any.

    So nobody may depend on a delivery: a subscription finds what is missing in the
    source's log.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def open(self) -> None:
        """Connect, within seconds or else in the background, for as long as it takes.

        The other methods do so too, when first called. Raises BusMisconfiguredError.
        A bus that cannot be reached is not waited for: a line in the log says so.
        """

    def publish(self, batch: Sequence[Envelope]) -> None:
        """Hand on `batch`, in the order given. Raises BusError."""

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        """Have `deliver` called with the envelopes whose type matches `pattern`.

        In a pattern `*` stands for one token and `>`, at the end, for one or more
        (`order.*`, `order.>`). Every group gets each envelope; of the members of one
        group, one gets it. `deliver` is quick; one that raises has rejected.

        Returns at once, also while the bus cannot be reached. Calling what it returns
        ends the membership: after that nothing more is delivered, and what was is
        still to be answered.
        """

    def close(self) -> None:
        """Deliver nothing from now on. May be called again."""
