"""The deliveries that a member has received, and the answers due to the bus."""

from collections import deque
from collections.abc import Callable

from shared_kernel.buses.port import Delivery

MOST = 64
"""How many deliveries may wait; further ones are rejected."""


class Inbox:
    """Filled by the bus, in any thread; emptied and answered by its one reader.

    `on_delivery` is called when there is something to do.
    """

    def __init__(self, on_delivery: Callable[[], None]) -> None:
        self._on_delivery = on_delivery
        self._waiting: deque[Delivery] = deque()
        self._taken: list[Delivery] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def deliver(self, delivery: Delivery) -> None:
        """Accept a delivery; a full inbox rejects it."""
        if len(self._waiting) < MOST:
            self._waiting.append(delivery)
            self._on_delivery()
        else:
            delivery.reject()

    def take(self) -> Delivery:
        """The oldest waiting delivery, which must still be answered."""
        delivery = self._waiting.popleft()
        self._taken.append(delivery)
        return delivery

    def answer(self, *, well: bool) -> None:
        """Acknowledge or reject all that was taken since the last call."""
        taken, self._taken = self._taken, []
        for delivery in taken:
            if well:
                delivery.acknowledge()
            else:
                delivery.reject()

    def reject(self) -> None:
        """Reject all deliveries, taken or waiting."""
        self._taken += self._waiting
        self._waiting.clear()
        self.answer(well=False)
