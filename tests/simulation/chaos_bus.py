"""A bus with all the faults that a bus may have, by seed."""

import random
from collections.abc import Sequence

import attrs

from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Capabilities, Deliver, EventBus, Leave


class ChaosBus:
    """Drops, repeats, reorders and delays what `bus` carries; heartbeats too.

    `calm` from 0 to 1: with 1 there are no faults.
    """

    def __init__(self, bus: EventBus, seed: int, calm: float = 0.3) -> None:
        self.calm = calm
        self._bus = bus
        self._chance = random.Random(seed)
        self._delayed: list[Envelope] = []

    def publish(self, batch: Sequence[Envelope]) -> None:
        due: list[Envelope] = []
        for envelope in batch:
            if self._chance.random() < self.calm:
                due.append(envelope)
                continue
            match self._chance.randrange(4):
                case 0:
                    pass
                case 1:
                    due += [envelope] * self._chance.randint(2, 3)
                case 2:
                    due.insert(self._chance.randint(0, len(due)), envelope)
                case _:
                    self._delayed.append(envelope)
        if self._chance.random() > self.calm:
            held = len(self._delayed) // 2
            due += self._delayed[:held]
            del self._delayed[:held]
        while due:
            size = self._chance.randint(1, len(due))
            self._bus.publish(due[:size])
            del due[:size]

    @property
    def capabilities(self) -> Capabilities:
        return attrs.evolve(
            self._bus.capabilities,
            at_least_once=False,
            waits_for_members=False,
            in_order=False,
        )

    def broker(self) -> BrokerState:
        return self._bus.broker()

    def open(self) -> None:
        self._bus.open()

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        return self._bus.subscribe(pattern, group, deliver)

    def close(self) -> None:
        self._bus.close()
