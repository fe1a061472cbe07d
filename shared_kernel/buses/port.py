"""The port of every bus, whatever carries the messages.

BusError
├── BusUnavailableError     transient: it cannot be reached now
└── BusMisconfiguredError   permanent: it works only after an operator's fix
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import attrs

from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import Envelope


class BusError(Exception):
    """The bus failed to do what was asked. The log still has the events."""


class BusUnavailableError(BusError):
    """The bus cannot be reached now. Trying again later is right."""


class BusMisconfiguredError(BusError):
    """The bus cannot be used as configured. The message, a line, says how to fix it."""


def _nothing() -> None:
    """The answer to a bus that does not redeliver."""


@attrs.frozen(eq=False)
class Delivery:
    """A batch from a bus, and the two possible answers.

    Either `acknowledge` or `reject` is called, once, by any thread and at any time. A
    bus that delivers at least once redelivers, after a while, what was rejected or not
    answered in time.

    `from_log`: it was just read from the log, in this process or from a peer, and so
    needs no seal. On a bus `between_replicas` this is never the case.
    """

    envelopes: Sequence[Envelope]
    acknowledge: Callable[[], None] = _nothing
    reject: Callable[[], None] = _nothing
    from_log: bool = False


Deliver = Callable[[Delivery], None]
Leave = Callable[[], None]


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a bus guarantees.

    `between_processes`: it reaches other processes. `between_replicas`: what a replica
    of a process publishes reaches the others, too. `at_least_once`: what was not
    acknowledged is delivered again. `waits_for_members`: a group that once had a member
    later gets what was published while it had none. `in_order`: one member of a group
    gets the envelopes of one publisher in the order of their publication, except for
    redeliveries.
    """

    between_processes: bool
    between_replicas: bool
    at_least_once: bool
    waits_for_members: bool
    in_order: bool


@attrs.frozen(kw_only=True)
class Followed:
    """What a subscription wants: events of one log behind the position `after`.

    `log` is the identity of the log of `source`; `pattern` chooses by type. `group`
    names the subscription.
    """

    source: str
    pattern: str
    group: str
    log: str = ""
    after: int = 0


class EventBus(Protocol):
    """Delivers batches of envelopes; may lose, repeat, reorder or delay any of them.

    So no subscriber may depend on a delivery: a subscription reads what is missing from
    the source's log.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def broker(self) -> BrokerState:
        """What carries the messages, and whether it can be reached now.

        Returns within seconds. Shows no credentials.
        """

    def open(self) -> None:
        """Connect, within seconds or else in the background without a deadline.

        The other methods connect too, when first called. Raises BusMisconfiguredError.
        An unreachable bus is only logged.
        """

    def publish(self, batch: Sequence[Envelope]) -> None:
        """Publish `batch`, in the order given. Raises BusError.

        An event that is too large for the broker is left out, and told
        (`Broker.too_large`).
        """

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        """Call `deliver` with the envelopes whose type matches `pattern`.

        In a pattern `*` stands for one token and `>`, at the end, for one or more
        (`order.*`, `order.>`). Every group gets each envelope; in each group, one
        member gets it. `deliver` must be quick; raising counts as rejecting.

        Returns at once, also while the bus cannot be reached. Calling the result ends
        the membership: nothing more is delivered, but earlier deliveries still have to
        be answered.
        """

    def close(self) -> None:
        """Deliver nothing from now on. May be called again."""


@runtime_checkable
class LogBus(EventBus, Protocol):
    """A bus that keeps what each log published, under its positions."""

    def follow(self, followed: Followed, deliver: Deliver) -> Leave:
        """Call `deliver` with these events, in order, and with the log's heartbeats.

        Each caller gets all of them, or callers for the same group share them: one has
        the lease. What is rejected comes again. Otherwise as `subscribe`.
        """
