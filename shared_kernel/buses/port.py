"""What every bus can do, whatever carries the messages."""

from collections.abc import Callable, Sequence
from typing import Protocol

from shared_kernel.events.envelope import Envelope

Deliver = Callable[[Sequence[Envelope]], None]


class BusUnavailableError(Exception):
    """The bus cannot be reached now. The log keeps what it should have carried."""


class EventBus(Protocol):
    """Hurries batches of envelopes along; may lose, repeat, reorder or delay any.

    So nobody may depend on a delivery: a subscription finds what is missing in the
    source's log.
    """

    def publish(self, batch: Sequence[Envelope]) -> None:
        """Hand on `batch`, in the order given. Raises BusUnavailableError."""

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> None:
        """Have `deliver` called with the envelopes whose type matches `pattern`.

        In a pattern `*` stands for one token and `>`, at the end, for one or more
        (`product.*`, `stock.>`). Every group gets each envelope; of the members of one
        group, one gets it. `deliver` is quick and raises nothing.
        """

    def close(self) -> None:
        """Deliver nothing from now on. May be called again."""
