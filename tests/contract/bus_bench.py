"""A test bench for one bus, and inboxes that record its deliveries.

Deliveries are awaited, since a bus may deliver later and in another thread.
"""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import (
    Capabilities,
    Delivery,
    EventBus,
)

TIMEOUT_S = 10.0
PROMPT_S = 3.0
"""Shorter than the time after which a bus gives up a server that does not answer."""
SILENCE_S = 0.3
MIB = 2**20
SUBJECTS = ("product.>", "stock.>", "last.>", "nothing.>")
"""All subjects that the checks publish and subscribe to."""
ids = itertools.count(1)


class Server(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...

    def freeze(self) -> None: ...


@attrs.frozen(kw_only=True)
class Bench:
    """`connect` makes a bus; one between processes gets a new connection each time.

    `faithful`: without faults it delivers everything, once and in order. `server` can
    be stopped, and takes no message of more than `most_bytes`; it `keeps` what it has
    acknowledged, even if it is killed.
    """

    connect: Callable[[], EventBus]
    faithful: bool = True
    server: Server | None = None
    most_bytes: int = 8 * MIB
    keeps: bool = True
    _connected: list[EventBus] = attrs.field(factory=list, init=False)

    @property
    def capabilities(self) -> Capabilities:
        return self.bus().capabilities

    def bus(self) -> EventBus:
        """The bus under test, created on first use."""
        return self._connected[0] if self._connected else self.another()

    def another(self) -> EventBus:
        if self._connected and not self._connected[0].capabilities.between_processes:
            return self._connected[0]
        bus = self.connect()
        bus.open()
        self._connected.append(bus)
        return bus

    def send(self, batch: Sequence[Envelope]) -> None:
        """Publish `batch`; repeatedly on a bus that may lose it."""
        for _ in range(1 if self.faithful else 12):
            self.bus().publish(batch)

    def close(self) -> None:
        for bus in self._connected:
            bus.close()


def _acknowledge(delivery: Delivery) -> None:
    delivery.acknowledge()


@attrs.define(eq=False)
class Inbox:
    """A member that acknowledges what it receives, by default."""

    answer: Callable[[Delivery], None] = _acknowledge
    batches: list[list[Envelope]] = attrs.field(factory=list)
    _changed: threading.Condition = attrs.field(factory=threading.Condition)

    def __call__(self, delivery: Delivery) -> None:
        with self._changed:
            self.batches.append(list(delivery.envelopes))
            self._changed.notify_all()
        self.answer(delivery)

    @property
    def received(self) -> list[Envelope]:
        return [envelope for batch in self.batches for envelope in batch]

    @property
    def distinct(self) -> set[int]:
        return {envelope.position for envelope in self.received}

    def positions(self, count: int, timeout_s: float | None = None) -> list[int]:
        """The positions of `count` envelopes; fewer if they do not come in time."""
        self.wait(lambda: len(self.received) >= count, timeout_s)
        return [envelope.position for envelope in self.received]

    def has(self, expected: set[int], timeout_s: float | None = None) -> bool:
        """Whether all of these positions arrive in time."""
        return self.wait(lambda: expected <= self.distinct, timeout_s)

    def wait(self, enough: Callable[[], bool], timeout_s: float | None) -> bool:
        deadline = time.monotonic() + (TIMEOUT_S if timeout_s is None else timeout_s)
        with self._changed:
            while not enough() and time.monotonic() < deadline:
                self._changed.wait(0.02)
            return enough()


def some(*subjects: str, first: int = 1, key: str = "LAMP-0001") -> list[Envelope]:
    return [
        Envelope(
            position,
            f"id-{next(ids)}",
            "catalog",
            subject,
            key,
            1_700_000_000_000_000 + position,
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            '{"name":"Café “Lamp”"}'.encode(),
        )
        for position, subject in enumerate(subjects, start=first)
    ]


def settle(bench: Bench) -> None:
    """Return when everything published before has been delivered."""
    last = Inbox()
    leave = bench.bus().subscribe("last.*", f"last-{next(ids)}", last)
    bench.send(some("last.word"))
    assert last.has({1})
    leave()


def until(happened: Callable[[], bool], what: str) -> None:
    deadline, pause = time.monotonic() + TIMEOUT_S, threading.Event()
    while not happened():
        assert time.monotonic() < deadline, f"{what} takes too long"
        pause.wait(0.02)
