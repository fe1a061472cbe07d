"""What every bus does, whatever carries its messages. A further bus is one line more.

Deliveries are awaited, since a bus may deliver later and elsewhere.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import attrs
import pytest

from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import EventBus
from shared_kernel.events.envelope import Envelope, heartbeat

BUSES: dict[str, Callable[[], EventBus]] = {
    "in-process": InProcessBus,
}
ids = itertools.count(1)


@pytest.fixture(params=BUSES)
def bus(request: pytest.FixtureRequest) -> Iterator[EventBus]:
    bus = BUSES[request.param]()
    yield bus
    bus.close()


@attrs.define(eq=False)
class Inbox:
    """What a subscription that only listens has received."""

    batches: list[list[Envelope]] = attrs.field(factory=list)
    _changed: threading.Condition = attrs.field(factory=threading.Condition)

    def __call__(self, batch: Sequence[Envelope]) -> None:
        with self._changed:
            self.batches.append(list(batch))
            self._changed.notify_all()

    @property
    def received(self) -> list[Envelope]:
        return [envelope for batch in self.batches for envelope in batch]

    def positions(self, count: int, timeout_s: float = 10) -> list[int]:
        """The positions of `count` envelopes; fewer if they do not come in time."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while len(self.received) < count and time.monotonic() < deadline:
                self._changed.wait(0.1)
        return [envelope.position for envelope in self.received]


def some(*subjects: str) -> list[Envelope]:
    return [
        Envelope(
            position,
            f"id-{next(ids)}",
            "catalog",
            subject,
            "LAMP-0001",
            1_700_000_000_000_000 + position,
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            '{"name":"Café “Lamp”"}'.encode(),
        )
        for position, subject in enumerate(subjects, start=1)
    ]


def settle(bus: EventBus) -> None:
    """Return when all that was published before has been delivered where it goes."""
    last = Inbox()
    bus.subscribe("last.*", f"last-{next(ids)}", last)
    bus.publish(some("last.word"))
    assert last.positions(1) == [1]


def test_what_is_published_arrives_as_it_was(bus: EventBus) -> None:
    inbox = Inbox()
    bus.subscribe("product.inserted", "listing", inbox)
    batch = some("product.inserted")

    bus.publish(batch)

    inbox.positions(1)
    assert inbox.received == batch


@pytest.mark.parametrize("data", [b"", b"{}", b"\x00\xff" * 2**18])
def test_bytes_arrive_intact(bus: EventBus, data: bytes) -> None:
    inbox = Inbox()
    bus.subscribe("product.>", "listing", inbox)

    bus.publish([attrs.evolve(some("product.inserted")[0], data=data)])

    inbox.positions(1)
    assert inbox.received[0].data == data


def test_an_event_outside_any_trace_arrives_so(bus: EventBus) -> None:
    inbox = Inbox()
    bus.subscribe("product.>", "listing", inbox)

    bus.publish([attrs.evolve(some("product.inserted")[0], traceparent=None)])

    inbox.positions(1)
    assert inbox.received[0].traceparent is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("product.inserted", [1]),
        ("product.*", [1, 2]),
        ("product.>", [1, 2, 3]),
        ("*.opened", [4]),
        (">", [1, 2, 3, 4]),
        ("nothing.>", []),
    ],
)
def test_a_pattern_selects(bus: EventBus, pattern: str, expected: list[int]) -> None:
    inbox = Inbox()
    bus.subscribe(pattern, "listing", inbox)

    bus.publish(
        some("product.inserted", "product.renamed", "product.a.b", "stock.opened")
    )
    settle(bus)

    positions = [
        each.position for each in inbox.received if not each.type.startswith("last")
    ]
    assert positions == expected


def test_a_batch_arrives_in_its_order_and_so_do_batches(bus: EventBus) -> None:
    inbox = Inbox()
    bus.subscribe("product.>", "listing", inbox)
    batch = some(*["product.inserted"] * 300)

    for start in range(0, 300, 50):
        bus.publish(batch[start : start + 50])

    assert inbox.positions(300) == list(range(1, 301))


def test_a_batch_with_nothing_in_it_is_no_delivery(bus: EventBus) -> None:
    inbox = Inbox()
    bus.subscribe("product.>", "listing", inbox)

    bus.publish([])
    bus.publish(some("stock.opened"))
    settle(bus)

    assert inbox.batches == []


def test_every_group_gets_each_envelope(bus: EventBus) -> None:
    inboxes = [Inbox(), Inbox(), Inbox()]
    for number, inbox in enumerate(inboxes):
        bus.subscribe("product.>", f"group-{number}", inbox)

    bus.publish(some("product.inserted", "product.renamed"))

    assert [inbox.positions(2) for inbox in inboxes] == [[1, 2]] * 3


def test_members_of_one_group_share_the_envelopes(bus: EventBus) -> None:
    members = [Inbox(), Inbox()]
    for member in members:
        bus.subscribe("product.>", "listing", member)

    batch = some(*["product.inserted"] * 40)
    for envelope in batch:
        bus.publish([envelope])
    settle(bus)

    shared = sorted(each.position for inbox in members for each in inbox.received)
    assert shared == list(range(1, 41))
    assert all(inbox.received for inbox in members)


def test_a_group_may_ask_for_several_patterns(bus: EventBus) -> None:
    inbox = Inbox()
    for pattern in ("product.>", "heartbeat.catalog"):
        bus.subscribe(pattern, "listing", inbox)

    bus.publish(some("product.inserted"))
    bus.publish([heartbeat("catalog", 7, 0)])

    assert inbox.positions(2) == [1, 7]
    assert inbox.received[1].is_heartbeat


def test_what_is_published_before_anybody_listens_breaks_nothing(
    bus: EventBus,
) -> None:
    bus.publish(some("product.inserted"))


def test_a_receiver_that_raises_breaks_neither_the_others_nor_the_publisher(
    bus: EventBus,
) -> None:
    def broken(batch: Sequence[Envelope]) -> None:
        raise KeyError("broken")

    inboxes = [Inbox(), Inbox()]
    bus.subscribe("product.>", "before", inboxes[0])
    bus.subscribe("product.>", "broken", broken)
    bus.subscribe("product.>", "after", inboxes[1])

    bus.publish(some("product.inserted"))
    bus.publish(some("product.inserted", "product.renamed")[1:])

    assert [inbox.positions(2) for inbox in inboxes] == [[1, 2]] * 2


def test_a_receiver_may_publish(bus: EventBus) -> None:
    inbox = Inbox()
    bus.subscribe(
        "product.inserted", "inventory", lambda _: bus.publish(some("stock.opened"))
    )
    bus.subscribe("stock.>", "listing", inbox)

    bus.publish(some("product.inserted"))

    assert inbox.positions(1) == [1]


def test_many_threads_may_publish(bus: EventBus) -> None:
    inbox = Inbox()
    bus.subscribe("product.>", "listing", inbox)
    batch = some(*["product.inserted"] * 200)

    def publish_singly(part: Sequence[Envelope]) -> None:
        for envelope in part:
            bus.publish([envelope])

    threads = [
        threading.Thread(target=publish_singly, args=(batch[start : start + 50],))
        for start in range(0, 200, 50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(inbox.positions(200)) == list(range(1, 201))


def test_after_closing_nothing_is_delivered(bus: EventBus) -> None:
    inbox = Inbox()
    bus.subscribe("product.>", "listing", inbox)
    bus.publish(some("product.inserted"))
    inbox.positions(1)

    bus.close()
    bus.close()
    bus.publish(some("product.renamed"))

    assert inbox.positions(2, timeout_s=0.2) == [1]
