"""A channel over a broker that delivers again what is not acknowledged in time.

Requests to the broker are made by two threads, one that sends and one that receives, so
neither a request of a client nor a transaction waits for them.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeAlias, TypeVar

from sqlalchemy.engine import Connection

from shared_kernel.buses.broker import BrokerState
from shared_kernel.clock import Clock
from shared_kernel.queues.background import Background
from shared_kernel.queues.bodies import Received, entry_of, hint_of
from shared_kernel.queues.channel import Entry
from shared_kernel.queues.link import Link
from shared_kernel.queues.port import BrokerAwayError, Message
from shared_kernel.queues.received import ReceivedMessages

WAIT_S = 1.0
"""How long a request for messages waits for one, and so a stop for its end."""
LOOK_S = 1.0
ACK_WAIT_S = 30
"""After so long without an acknowledgement a message is delivered again."""
SENT_AT_ONCE = 100
MOST_UNSENT = 10_000
FEWEST_ASKED = 10
CLOSE_S = 3.0


class Broker(Protocol):
    """One queue in a broker; every consumer of it gets other messages.

    Each request may be made by any thread, and raises one of the link's faults while
    the broker is away. One that finds that the queue is gone makes it again.
    """

    def send(self, bodies: Sequence[bytes]) -> None: ...

    def receive(self, most: int, wait_s: float) -> list[Received]:
        """Return at once if there is any; else wait so long for one."""

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """They are not delivered again."""

    def release(self, receipts: Sequence[object]) -> None:
        """They are delivered again, at once, to any consumer."""

    def counts(self) -> dict[str, int]:
        """How many messages wait, as far as the broker tells. Always a request."""

    def purge(self) -> None: ...


BrokerLink: TypeAlias = Link[Broker]
T = TypeVar("T")


class RedeliveringChannel:
    """`unnamed` is the name of messages that come without one; `name` is for threads.

    What other programs sent is noted in `received`.
    """

    def __init__(
        self, link: BrokerLink, received: ReceivedMessages, *, name: str, unnamed: str
    ) -> None:
        self.link = link
        self._received = received
        self._unnamed = unnamed
        self._name = name
        self._sender = Background(f"queue-{name}-sender", self.send)
        self._reader: Background | None = None
        self._wake: Callable[[], None] = lambda: None
        self._wake_at_s = 0.0
        self._armed = threading.Event()
        self._most = FEWEST_ASKED
        self._unsent: deque[bytes] = deque(maxlen=MOST_UNSENT)
        # The reader adds to the first one, the consumer to the last one.
        self._arrived: deque[Entry] = deque()
        self._held: deque[Entry] = deque()
        self._settled: deque[object] = deque()

    def push(self, messages: Sequence[Message], origin: str) -> None:
        """Of more than `MOST_UNSENT` that wait, the last ones are sent."""
        last = messages[-MOST_UNSENT:]
        self._unsent.extend(hint_of(message, origin) for message in last)
        self._sender.start()
        self._sender.tell()

    def send(self) -> int:
        """What was pushed; return how many. The others are found in the rows."""
        sent = 0
        while self._unsent:
            count = min(len(self._unsent), SENT_AT_ONCE)
            bodies = [self._unsent.popleft() for _ in range(count)]
            try:
                self.link.ask(lambda broker, some=bodies: broker.send(some))  # type: ignore[misc] # bound
            except BrokerAwayError:
                self._unsent.clear()
                return sent
            sent += count
        return sent

    def start(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._reader = Background(f"queue-{self._name}-reader", self.read)
        self._reader.start()

    def stop(self) -> None:
        if self._reader is not None:
            self._armed.clear()
            self._reader.stop()
            self._reader = None

    def arm(self) -> None:
        self._armed.set()
        if self._reader is not None:
            self._reader.tell()

    def read(self) -> int:
        """Acknowledge what is settled; receive if there is room. Return 0 if idle.

        Once a second the consumer is woken anyhow, to look at the rows.
        """
        count = self._acknowledge()
        if self._has_room() and self._receive():
            self._armed.clear()
            self._wake()
        if time.monotonic() >= self._wake_at_s:
            self._wake_at_s = time.monotonic() + LOOK_S
            self._wake()
        return count + self._has_room()

    def take(self, most: int) -> list[Entry]:
        self._most = max(most, FEWEST_ASKED)
        while len(self._held) < most and self._arrived:
            self._held.append(self._arrived.popleft())
        return list(self._held)[:most]

    def note(self, connection: Connection, foreign: Sequence[Entry]) -> list[Entry]:
        if not foreign:
            return []
        new = self._received.note(connection, [each.known_by for each in foreign])
        return [entry for entry, is_new in zip(foreign, new, strict=True) if is_new]

    def settle(self, acknowledged: Sequence[Entry], rejected: Sequence[Entry]) -> None:
        for _ in range(len(acknowledged) + len(rejected)):
            self._settled.append(self._held.popleft().place.receipt)
        if self._settled and self._reader is not None:
            self._reader.tell()

    def doubt(self) -> None:
        """What is held is offered again: the noted ids tell what became a row."""

    def keep(self) -> None:
        self._received.forget_old()

    def let_go(self) -> None:
        """Acknowledge what is settled, and release the rest."""
        self._acknowledge()
        held = [*_emptied(self._held), *_emptied(self._arrived)]
        receipts = [entry.place.receipt for entry in held]
        if receipts:
            self._told(lambda broker: broker.release(receipts))

    def lists(self) -> dict[str, int] | None:
        try:
            return self.link.ask(lambda broker: broker.counts())
        except BrokerAwayError:
            return None

    def broker(self) -> BrokerState:
        return self.link.broker.state()

    def purge(self) -> None:
        self.link.ask(lambda broker: broker.purge())

    def close(self) -> None:
        """Send what was pushed, if the broker answers."""
        self._sender.stop(CLOSE_S)
        self.link.close()

    def _acknowledge(self) -> int:
        receipts = _emptied(self._settled)
        if receipts:
            # Those of which the broker is not told are delivered again, and known.
            self._told(lambda broker: broker.acknowledge(receipts))
        return len(receipts)

    def _has_room(self) -> bool:
        ending = self._reader is not None and self._reader.stopping
        return self._armed.is_set() and not self._arrived and not ending

    def _receive(self) -> bool:
        found: list[Received] = []
        try:
            found = self.link.ask(lambda broker: broker.receive(self._most, WAIT_S))
        except BrokerAwayError:
            if self._reader is not None:
                self._reader.pause(0.1)
        self._arrived.extend(entry_of(each, self._unnamed) for each in found)
        return bool(found)

    def _told(self, request: Callable[[Broker], None]) -> bool:
        try:
            self.link.ask(request)
        except BrokerAwayError:
            return False
        return True


def _emptied(queue: deque[T]) -> list[T]:
    """What stood there; another thread may add to it meanwhile, or empty it too."""
    taken = []
    with suppress(IndexError):
        while True:
            taken.append(queue.popleft())
    return taken


def link_to(
    broker: Broker,
    shown: str,
    faults: tuple[type[Exception], ...],
    *,
    close: Callable[[], None],
    clock: Clock,
    jitter: Callable[[], float],
    logged: bool = True,
) -> BrokerLink:
    return Link(
        broker,
        shown,
        faults,
        ping=lambda each: each.counts(),
        close=close,
        clock=clock,
        jitter=jitter,
        logged=logged,
    )
