"""The contract of every bus, as checks on a bench with one bus.

`CHECKS` says beside each check which capabilities it needs.
"""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import (
    BusError,
    BusUnavailableError,
    Capabilities,
    Delivery,
)
from tests.contract.bus_bench import (
    MIB,
    PROMPT_S,
    SILENCE_S,
    TIMEOUT_S,
    Bench,
    Inbox,
    ids,
    settle,
    some,
    until,
)


def published_envelopes_arrive_unchanged(bench: Bench) -> None:
    inbox = Inbox()
    bench.another().subscribe("product.inserted", "listing", inbox)
    batch = some("product.inserted", key='KEY "50 %" é‰')

    bench.send(batch)

    assert inbox.has({1})
    assert inbox.received[0] == batch[0]


def bytes_arrive_intact(bench: Bench) -> None:
    # A broker may take them as text, which is longer.
    large = min(MIB, bench.most_bytes // 2) // 4
    samples = (b"", b"{}", "日本 \U0001f4a1".encode(), b"\x00\xff\r\n" * large)
    for number, data in enumerate(samples, start=1):
        inbox = Inbox()
        leave = bench.another().subscribe("product.>", "listing", inbox)

        bench.send([attrs.evolve(some("product.inserted", first=number)[0], data=data)])

        assert inbox.has({number}), f"{len(data)} bytes"
        arrived = [each for each in inbox.received if each.position == number]
        assert {each.data for each in arrived} == {data}
        leave()


def an_event_that_is_too_large_is_left_out_and_told(bench: Bench) -> None:
    inbox, bus = Inbox(), bench.bus()
    bench.another().subscribe("product.>", "listing", inbox)
    first, large, last = some("product.inserted", "product.renamed", "product.repriced")
    large = attrs.evolve(large, data=b"x" * (bench.most_bytes + 1))

    # Once more, as after an interruption.
    for batch in ([first, large, last], [large]):
        bus.publish(batch)

    assert inbox.has({1, 3})
    assert inbox.distinct == {1, 3}
    assert (bus.broker().reachable, bus.broker().too_large) == (True, 1)


def an_event_outside_any_trace_arrives_without_one(bench: Bench) -> None:
    inbox = Inbox()
    bench.another().subscribe("product.>", "listing", inbox)

    bench.send([attrs.evolve(some("product.inserted")[0], traceparent=None)])

    assert inbox.has({1})
    assert inbox.received[0].traceparent is None


PATTERNS = {
    "product.inserted": {1},
    "product.*": {1, 2},
    "product.>": {1, 2, 3},
    "stock.opened": {4},
    "nothing.>": set[int](),
}


def a_pattern_selects(bench: Bench) -> None:
    inboxes = {pattern: Inbox() for pattern in PATTERNS}
    for pattern, inbox in inboxes.items():
        bench.another().subscribe(pattern, "listing", inbox)

    bench.send(
        some("product.inserted", "product.renamed", "product.a.b", "stock.opened")
    )

    for pattern, expected in PATTERNS.items():
        assert inboxes[pattern].has(expected), pattern
    settle(bench)
    assert {pattern: inbox.distinct for pattern, inbox in inboxes.items()} == PATTERNS


def versions_of_one_event_all_arrive(bench: Bench) -> None:
    """They have one id and one position, and types of their own."""
    old, new = Inbox(), Inbox()
    bus = bench.another()
    bus.subscribe("product.inserted", "of-old", old)
    bus.subscribe("product.inserted.v2", "of-new", new)
    settle(bench)
    (first,) = some("product.inserted")
    bench.send([attrs.evolve(first, type="product.inserted.v2"), first])

    until(lambda: bool(old.received and new.received), "both versions")
    assert {each.id for each in (*old.received, *new.received)} == {first.id}


def a_batch_arrives_in_its_order_and_so_do_batches(bench: Bench) -> None:
    inbox = Inbox()
    bench.another().subscribe("product.>", "listing", inbox)
    batch = some(*["product.inserted"] * 300)

    for start in range(0, 300, 50):
        bench.bus().publish(batch[start : start + 50])

    assert inbox.positions(300) == list(range(1, 301))


def an_empty_batch_is_not_delivered(bench: Bench) -> None:
    inbox = Inbox()
    bench.another().subscribe("product.>", "listing", inbox)

    bench.send([])
    bench.send(some("stock.opened"))
    settle(bench)

    assert inbox.batches == []


def every_group_gets_each_envelope(bench: Bench) -> None:
    inboxes = [Inbox(), Inbox(), Inbox()]
    for number, inbox in enumerate(inboxes):
        bench.another().subscribe("product.>", f"group-{number}", inbox)

    bench.send(some("product.inserted", "product.renamed"))

    assert all(inbox.has({1, 2}) for inbox in inboxes)


def members_of_one_group_share_the_envelopes(bench: Bench) -> None:
    members = [Inbox(), Inbox()]
    for member in members:
        bench.another().subscribe("product.>", "listing", member)

    for envelope in some(*["product.inserted"] * 40):
        bench.bus().publish([envelope])

    until(lambda: sum(len(each.received) for each in members) >= 40, "sharing")
    settle(bench)
    shared = sorted(each.position for inbox in members for each in inbox.received)
    assert shared == list(range(1, 41))


def a_member_that_left_gets_nothing_and_the_others_everything(bench: Bench) -> None:
    left, stayed = Inbox(), Inbox()
    leave = bench.another().subscribe("product.>", "listing", left)
    bench.another().subscribe("product.>", "listing", stayed)
    leave()
    leave()

    bench.send(some(*["product.inserted"] * 10))

    assert stayed.has(set(range(1, 11)))
    assert left.received == []


def a_group_may_have_several_patterns(bench: Bench) -> None:
    inbox, bus = Inbox(), bench.another()
    for pattern in ("product.>", "heartbeat.catalog"):
        bus.subscribe(pattern, "listing", inbox)

    bench.send(some("product.inserted"))
    bench.send([heartbeat("catalog", 7, 0)])

    assert inbox.has({1, 7})
    assert next(each.is_heartbeat for each in inbox.received if each.position == 7)


def publishing_without_members_breaks_nothing(bench: Bench) -> None:
    bench.send(some("product.inserted"))


def a_receiver_that_raises_breaks_neither_the_others_nor_the_publisher(
    bench: Bench,
) -> None:
    def broken(_: Delivery) -> None:
        raise KeyError("broken")

    inboxes = [Inbox(), Inbox()]
    bench.another().subscribe("product.>", "before", inboxes[0])
    bench.another().subscribe("product.>", "broken", broken)
    bench.another().subscribe("product.>", "after", inboxes[1])

    bench.send(some("product.inserted"))
    bench.send(some("product.renamed", first=2))

    assert all(inbox.has({1, 2}) for inbox in inboxes)


def a_receiver_may_publish(bench: Bench) -> None:
    inbox, bus = Inbox(), bench.another()

    def follow(delivery: Delivery) -> None:
        bus.publish(some("stock.opened"))
        delivery.acknowledge()

    bus.subscribe("product.inserted", "inventory", follow)
    bench.another().subscribe("stock.>", "listing", inbox)

    bench.send(some("product.inserted"))

    assert inbox.has({1})


def many_threads_may_publish(bench: Bench) -> None:
    inbox, bus = Inbox(), bench.bus()
    bench.another().subscribe("product.>", "listing", inbox)
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


def a_slow_member_delays_no_other(bench: Bench) -> None:
    released, fast = threading.Event(), Inbox()

    def slow(delivery: Delivery) -> None:
        released.wait(TIMEOUT_S)
        delivery.acknowledge()

    bench.another().subscribe("product.>", "slow", slow)
    bench.another().subscribe("product.>", "fast", fast)
    begun = time.monotonic()
    for number in range(1, 11):
        bench.send(some("product.inserted", first=number))
    took_s = time.monotonic() - begun

    arrived = fast.has(set(range(1, 11)), TIMEOUT_S / 2)
    released.set()
    assert arrived
    assert took_s < TIMEOUT_S / 2


def after_closing_nothing_is_delivered(bench: Bench) -> None:
    inbox, bus = Inbox(), bench.another()
    bus.subscribe("product.>", "listing", inbox)
    bench.send(some("product.inserted"))
    assert inbox.has({1})

    bus.close()
    bus.close()
    for each in (bus, bench.bus()):
        with suppress(BusError):
            each.publish(some("product.renamed", first=2))

    assert not inbox.has({2}, SILENCE_S)


def closing_a_busy_bus_leaves_no_thread(bench: Bench) -> None:
    before = set(threading.enumerate())
    bus = bench.connect()
    inbox = Inbox()
    bus.subscribe("product.>", "listing", inbox)
    stop = threading.Event()

    def publish() -> None:
        while not stop.is_set():
            with suppress(BusError):
                bus.publish(some(*["product.inserted"] * 100))

    publishing = threading.Thread(target=publish)
    publishing.start()
    inbox.positions(500)
    begun = time.monotonic()
    bus.close()
    took_s = time.monotonic() - begun
    stop.set()
    publishing.join(TIMEOUT_S)

    received = len(inbox.received)
    assert took_s < TIMEOUT_S / 2
    until(lambda: set(threading.enumerate()) <= before, "the end of all threads")
    assert len(inbox.received) == received


def a_rejected_delivery_comes_again(bench: Bench) -> None:
    times = itertools.count(1)

    def reject_twice(delivery: Delivery) -> None:
        if next(times) <= 2:
            delivery.reject()
        else:
            delivery.acknowledge()

    inbox = Inbox(answer=reject_twice)
    bench.another().subscribe("product.>", "listing", inbox)

    bench.send(some("product.inserted"))

    assert inbox.positions(3) == [1, 1, 1]
    assert inbox.positions(4, SILENCE_S) == [1, 1, 1]


def an_unanswered_delivery_comes_again(bench: Bench) -> None:
    times = itertools.count(1)

    def forget_once(delivery: Delivery) -> None:
        if next(times) > 1:
            delivery.acknowledge()

    inbox = Inbox(answer=forget_once)
    bench.another().subscribe("product.>", "listing", inbox)

    bench.send(some("product.inserted"))

    assert inbox.positions(2) == [1, 1]


def a_delivery_to_a_receiver_that_raises_comes_again(bench: Bench) -> None:
    times = itertools.count(1)

    def fail_once(delivery: Delivery) -> None:
        if next(times) == 1:
            raise KeyError("broken")
        delivery.acknowledge()

    inbox = Inbox(answer=fail_once)
    bench.another().subscribe("product.>", "listing", inbox)

    bench.send(some("product.inserted"))

    assert inbox.positions(2) == [1, 1]


def events_wait_while_a_group_has_no_member(bench: Bench) -> None:
    first, second = Inbox(), Inbox()
    leave = bench.another().subscribe("product.>", "listing", first)
    bench.send(some("product.inserted"))
    assert first.has({1})
    leave()

    bench.send(some("product.renamed", "product.repriced", first=2))
    bench.another().subscribe("product.>", "listing", second)

    assert second.has({2, 3})
    assert second.distinct == {2, 3}


def publishing_raises_while_the_server_is_away(bench: Bench) -> None:
    assert bench.server is not None
    inbox = Inbox()
    bench.another().subscribe("product.>", "listing", inbox)
    bench.send(some("product.inserted"))
    assert inbox.has({1})
    before = bench.bus().broker()
    assert (before.reachable, bool(before.address)) == (True, True)

    bench.server.stop()
    begun = time.monotonic()

    def is_away() -> bool:
        try:
            bench.bus().publish(some("product.lost", first=99))
        except BusUnavailableError:
            return True
        return False

    until(is_away, "noticing")
    assert time.monotonic() - begun < PROMPT_S
    until(lambda: bench.bus().broker().reachable is False, "telling that it is away")
    bench.server.start()

    publish_when_it_is_back(bench, some("product.renamed", first=2), inbox)
    after = bench.bus().broker()
    assert after == attrs.evolve(before, since=after.since)
    assert after.since > before.since  # type: ignore[operator]  # both are known


def publishing_does_not_wait_for_a_killed_server(bench: Bench) -> None:
    assert bench.server is not None
    bench.send(some("product.inserted"))
    bench.server.freeze()
    ended = threading.Event()

    def publish() -> None:
        with suppress(BusUnavailableError):
            bench.bus().publish(some("product.lost", first=2))
        ended.set()

    publisher = threading.Thread(target=publish, daemon=True)
    publisher.start()
    assert not ended.wait(0.3)

    bench.server.kill()

    assert ended.wait(PROMPT_S)
    publisher.join()


def the_bus_reconnects_to_a_server_killed_in_mid_stream(bench: Bench) -> None:
    assert bench.server is not None
    inbox = Inbox()
    bench.another().subscribe("product.>", "listing", inbox)
    acknowledged: set[int] = set()
    stop = threading.Event()

    def publish() -> None:
        for number in itertools.count(1):
            if stop.is_set():
                return
            batch = some("product.inserted", first=number)
            while not stop.is_set():
                try:
                    bench.bus().publish(batch)
                except BusUnavailableError:
                    stop.wait(0.05)
                else:
                    acknowledged.add(number)
                    break

    publishing = threading.Thread(target=publish)
    publishing.start()
    for _ in range(2):
        seen = len(inbox.received)
        assert inbox.wait(lambda seen=seen: len(inbox.received) > seen + 20, TIMEOUT_S)  # type: ignore[misc]
        bench.server.kill()
        bench.server.start()
    seen = len(inbox.received)
    assert inbox.wait(lambda: len(inbox.received) > seen + 20, TIMEOUT_S)
    stop.set()
    publishing.join(TIMEOUT_S)

    if bench.capabilities.at_least_once and bench.keeps:
        assert inbox.has(acknowledged), sorted(acknowledged - inbox.distinct)


def a_member_that_joins_while_the_server_is_away_is_served_afterwards(
    bench: Bench,
) -> None:
    assert bench.server is not None
    bench.server.stop()
    inbox, begun = Inbox(), time.monotonic()
    bench.another().subscribe("product.>", "listing", inbox)
    assert time.monotonic() - begun < TIMEOUT_S / 2
    bench.server.start()

    publish_when_it_is_back(bench, some("product.inserted"), inbox)


def publish_when_it_is_back(
    bench: Bench, batch: Sequence[Envelope], inbox: Inbox
) -> None:
    """Repeat until it arrives: a broken connection loses messages on the wire."""
    wanted = {envelope.position for envelope in batch}
    deadline = time.monotonic() + TIMEOUT_S
    while not inbox.has(wanted, SILENCE_S):
        assert time.monotonic() < deadline, "it is not found again"
        with suppress(BusUnavailableError):
            bench.bus().publish(
                [attrs.evolve(each, id=f"id-{next(ids)}") for each in batch]
            )


Check = Callable[[Bench], None]


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of bus: its capabilities, and how to put one on a bench.

    `faithful`: without faults it delivers everything, once and in order. `is_proof`:
    its tests are a `proof`.
    """

    capabilities: Capabilities
    bench: Callable[[Path], Bench]
    faithful: bool = True
    has_server: bool = False
    is_proof: bool = False


Needs = Callable[[Kind], bool]


def _anything(_: Kind) -> bool:
    return True


def _faithful(kind: Kind) -> bool:
    return kind.faithful


def _in_order(kind: Kind) -> bool:
    return kind.faithful and kind.capabilities.in_order


def _server(kind: Kind) -> bool:
    return kind.has_server


def _at_least_once(kind: Kind) -> bool:
    return kind.capabilities.at_least_once


def _waits(kind: Kind) -> bool:
    return kind.capabilities.waits_for_members


CHECKS: dict[Check, Needs] = {
    published_envelopes_arrive_unchanged: _anything,
    bytes_arrive_intact: _anything,
    an_event_outside_any_trace_arrives_without_one: _anything,
    a_pattern_selects: _anything,
    versions_of_one_event_all_arrive: _faithful,
    a_batch_arrives_in_its_order_and_so_do_batches: _in_order,
    an_empty_batch_is_not_delivered: _anything,
    every_group_gets_each_envelope: _anything,
    members_of_one_group_share_the_envelopes: _faithful,
    a_member_that_left_gets_nothing_and_the_others_everything: _anything,
    a_group_may_have_several_patterns: _anything,
    publishing_without_members_breaks_nothing: _anything,
    a_receiver_that_raises_breaks_neither_the_others_nor_the_publisher: _anything,
    a_receiver_may_publish: _faithful,
    many_threads_may_publish: _faithful,
    an_event_that_is_too_large_is_left_out_and_told: _server,
    a_slow_member_delays_no_other: _server,
    after_closing_nothing_is_delivered: _anything,
    closing_a_busy_bus_leaves_no_thread: _faithful,
    a_rejected_delivery_comes_again: _at_least_once,
    an_unanswered_delivery_comes_again: _at_least_once,
    a_delivery_to_a_receiver_that_raises_comes_again: _at_least_once,
    events_wait_while_a_group_has_no_member: _waits,
    publishing_raises_while_the_server_is_away: _server,
    publishing_does_not_wait_for_a_killed_server: _server,
    the_bus_reconnects_to_a_server_killed_in_mid_stream: _server,
    a_member_that_joins_while_the_server_is_away_is_served_afterwards: (_server),
}


def checks_for(kind: Kind) -> list[Check]:
    return [check for check, needs in CHECKS.items() if needs(kind)]
