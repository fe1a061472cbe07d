"""How a subscription is read: by asking for its messages, or by being posted them."""

from collections.abc import Callable
from typing import Protocol

from shared_kernel.buses.pubsub.keeper import Prepare
from shared_kernel.buses.pubsub.pull import Bring


class Reading(Protocol):
    def start(self) -> None:
        """Return when the subscription exists, or when Pub/Sub turns out to be away."""

    def end(self) -> None:
        """May be called again."""


Read = Callable[[str, Prepare, Bring, str], Reading]
"""Of a subscription: what makes it, who is brought its messages, and a name."""
