"""What the bus has brought to a member, and the answers that it is owed."""

from collections import deque
from collections.abc import Callable

from shared_kernel.buses.port import Delivery

MOST = 64
"""So many deliveries may wait; what comes then is rejected."""


class Inbox:
    """Filled by the bus, in whatever thread; emptied and answered by its one reader.

    `on_delivery` is called when there is something to do.
    """

    def __init__(self, on_delivery: Callable[[], None]) -> None:
        self._on_delivery = on_delivery
        self._waiting: deque[Delivery] = deque()
        self._taken: list[Delivery] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def deliver(self, delivery: Delivery) -> None:
        """Take what the bus brings; a full inbox rejects it."""
        if len(self._waiting) < MOST:
            self._waiting.append(delivery)
            self._on_delivery()
        else:
            delivery.reject()

    def take(self) -> Delivery:
        """The oldest that waits. It is still to be answered."""
        delivery = self._waiting.popleft()
        self._taken.append(delivery)
        return delivery

    def answer(self, *, well: bool) -> None:
        """Tell the bus what became of all that was taken since the last time."""
        taken, self._taken = self._taken, []
        for delivery in taken:
            if well:
                delivery.acknowledge()
            else:
                delivery.reject()

    def reject(self) -> None:
        """All of it, taken or waiting."""
        self._taken += self._waiting
        self._waiting.clear()
        self.answer(well=False)
