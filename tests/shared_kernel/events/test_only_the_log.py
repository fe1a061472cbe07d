"""Law 11: a bus can make nothing true that the log does not hold."""

from collections.abc import Callable, Iterator

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import to_us
from shared_kernel.events.dropped import FORM, OTHER_LOG, SEAL
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import (
    change_key,
)
from shared_kernel.events.seal import sealed
from shared_kernel.events.subscription import Subscription
from shared_kernel.storage.database import Database
from tests.shared_kernel.events.builders import (
    NOON,
    SOURCE,
    ManualClock,
    a_database,
    applied,
    record,
)
from tests.shared_kernel.events.readers import (
    OURS,
    Elsewhere,
    a_reader,
    counts,
    seals,
    step,
)


def test_events_sealed_by_the_relay_are_applied_from_the_bus(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    step(reader, clock)
    first, second, third = record(feed.log, source, "ABC")
    reader.deliver(Delivery(seals(feed.log, [first])))
    step(reader, clock)
    feed.away = True
    reader.deliver(Delivery(seals(feed.log, [second, third], first.id)))
    step(reader, clock)

    assert applied(subscriber) == [1, 2, 3]
    assert counts(subscriber) == {}


def test_a_batch_larger_than_a_feed_page_is_not_taken_for_a_copys(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    step(reader, clock)
    reader.deliver(Delivery(seals(feed.log, record(feed.log, source, "A" * 1500))))
    step(reader, clock)

    assert (len(applied(subscriber)), counts(subscriber)) == (1500, {})


Change = Callable[[Envelope], Envelope]
CHANGES: dict[str, tuple[Change, str]] = {
    "payload": (lambda e: attrs.evolve(e, data=b'{"sku":"Z"}'), SEAL),
    "key": (lambda e: attrs.evolve(e, key="Z"), SEAL),
    "type": (lambda e: attrs.evolve(e, type="lamp.broken"), SEAL),
    "time": (lambda e: attrs.evolve(e, time_us=e.time_us + 1), SEAL),
    "id": (lambda e: attrs.evolve(e, id="another"), SEAL),
    "trace": (lambda e: attrs.evolve(e, traceparent="00-1-1-01"), SEAL),
    "position": (lambda e: attrs.evolve(e, position=e.position + 1), SEAL),
    "predecessor": (lambda e: attrs.evolve(e, previous="another"), SEAL),
    "relay": (lambda e: attrs.evolve(e, relay="another"), SEAL),
    "seal": (lambda e: attrs.evolve(e, seal="ä" * 32), SEAL),
    "no seal": (lambda e: attrs.evolve(e, seal=""), FORM),
    "log": (lambda e: attrs.evolve(e, log="another"), OTHER_LOG),
    "source": (lambda e: attrs.evolve(e, source="another"), OTHER_LOG),
    "no source": (lambda e: attrs.evolve(e, source="", position=0, seal=""), FORM),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_a_changed_envelope_is_dropped(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    changed: str,
) -> None:
    change, reason = CHANGES[changed]
    step(reader, clock)
    batch = record(feed.log, source, "AB")
    whole = seals(feed.log, batch)
    reader.deliver(Delivery([change(whole[0]), whole[1]]))
    step(reader, clock)

    assert applied(subscriber) == [1, 2]
    assert reader.counts.read_events == 2
    assert counts(subscriber) == {reason: 1}


def test_a_forged_heartbeat_with_a_high_position_causes_no_reads(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    record(feed.log, source, "A")
    step(reader, clock)
    beat = heartbeat(SOURCE, 10**9, to_us(NOON), feed.log.keys().log)
    reader.deliver(Delivery([sealed(beat, "00" * 32, previous="x", relay="x")]))
    reader.deliver(Delivery([beat]))
    step(reader, clock)

    assert reader._announced == 1
    assert counts(subscriber) == {SEAL: 1, FORM: 1}


def test_a_reader_starts_with_its_stored_key_while_the_log_is_unreachable(
    feed: Elsewhere, source: Database, subscriber: Database, clock: ManualClock
) -> None:
    first = a_reader(feed, subscriber, clock)
    step(first, clock)
    (one,) = record(feed.log, source, "A")
    first.deliver(Delivery(seals(feed.log, [one])))
    step(first, clock)
    first.stop()
    (two,) = record(feed.log, source, "B")
    asked, feed.away = feed.asked_for_keys, True

    again = a_reader(feed, subscriber, clock)
    again.deliver(Delivery(seals(feed.log, [two], one.id)))
    step(again, clock)

    assert applied(subscriber) == [1, 2]
    assert feed.asked_for_keys == asked


def test_a_new_key_is_learned_and_the_former_one_opens_older_events(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    step(reader, clock)
    one, two = record(feed.log, source, "AB")
    before = seals(feed.log, [one, two])
    former = feed.log.keys().key
    with source.writing() as connection:
        change_key(connection, feed.log.head())
    (three,) = record(feed.log, source, "C")
    stolen = sealed(three, former, previous=two.id, relay=OURS)
    reader.deliver(Delivery([*before, stolen]))
    step(reader, clock)
    assert counts(subscriber) == {SEAL: 1}

    (four,) = record(feed.log, source, "D")
    reader.deliver(Delivery(seals(feed.log, [four], three.id)))
    step(reader, clock)
    assert (applied(subscriber), counts(subscriber)) == ([1, 2, 3, 4], {SEAL: 1})


texts = st.text(max_size=8) | st.sampled_from([SOURCE, "heartbeat.shop", "lamp.lit"])
foreign = st.builds(
    Envelope,
    position=st.integers(-2, 2**70),
    id=texts,
    source=texts,
    type=texts,
    key=texts,
    time_us=st.integers(0, 2**60),
    traceparent=st.none() | texts,
    data=st.binary(max_size=16),
    log=texts,
    previous=texts,
    relay=texts,
    seal=texts,
)


@pytest.fixture(scope="module")
def lasting(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[EventLog, Database]]:
    folder = tmp_path_factory.mktemp("foreign")
    with (
        a_database(folder / "log.db") as source,
        a_database(folder / "read.db") as reading,
    ):
        log = EventLog(source, SOURCE)
        record(log, source, "ABC")
        yield log, reading


def tables(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """All rows, without counters and leases."""
    wanted = {
        "effects": "*",
        "dead_letters": "*",
        "subscription_cursors": "subscription, source, position, log, last_id",
    }
    with database.reading() as connection:
        return {
            name: [
                tuple(row)
                for row in connection.exec_driver_sql(f"SELECT {what} FROM {name}")
            ]
            for name, what in wanted.items()
        }


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(foreign, max_size=12), ours=st.booleans())
def test_no_foreign_messages_change_anything_but_counters(
    lasting: tuple[EventLog, Database], messages: list[Envelope], ours: bool
) -> None:
    log, database = lasting
    clock = ManualClock()
    reader = a_reader(log, database, clock)
    clock.advance(10)
    step(reader, clock)
    before = tables(database)
    if ours:
        messages = [
            attrs.evolve(each, source=SOURCE, log=log.keys().log) for each in messages
        ]
    reader.deliver(Delivery(messages))
    step(reader, clock)

    assert tables(database) == before
    reader.stop()
