"""The relay publishes each entry at least once, in order, and announces the head."""

import json
from collections.abc import Sequence

import attrs
import pytest
from sqlalchemy.pool import QueuePool

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import BusUnavailableError
from shared_kernel.events import relay as relays
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import note_relay
from shared_kernel.events.relay import Relay
from shared_kernel.events.seal import opens
from shared_kernel.events.versions import Successor, Versions
from shared_kernel.storage.database import Database
from shared_kernel.storage.postgresql import PostgresStore
from shared_kernel.storage.sqlite import SqliteStore
from tests.shared_kernel.events.builders import ManualClock, RecordingBus, record


@pytest.fixture
def bus() -> RecordingBus:
    return RecordingBus()


@pytest.fixture
def relay(
    log: EventLog, source: Database, bus: RecordingBus, clock: ManualClock
) -> Relay:
    return Relay(log, bus, clock, holder="one")


def test_entries_are_published_once_and_in_order(
    relay: Relay, log: EventLog, source: Database, bus: RecordingBus
) -> None:
    record(log, source, "AB")
    assert relay.step() == 2
    record(log, source, "C")
    assert relay.step() == 1
    assert relay.step() == 0

    assert bus.events() == [1, 2, 3]


def test_published_envelopes_equal_the_entries_of_the_log(
    relay: Relay, log: EventLog, source: Database, bus: RecordingBus
) -> None:
    recorded = record(log, source, "AB")
    relay.step()

    published = [each for each in bus.published if not each.is_heartbeat]
    unsealed = [attrs.evolve(e, relay="", seal="") for e in published]
    assert unsealed == log.read(0, 10)
    assert [each.id for each in unsealed] == [each.id for each in recorded]


def test_every_envelope_is_sealed_and_names_its_predecessor(
    log: EventLog, source: Database, clock: ManualClock
) -> None:
    bus = RecordingBus(between_replicas=True)
    first, second = record(log, source, "AB")
    Relay(log, bus, clock, holder="one").step()

    assert [each.previous for each in bus.published] == ["", first.id, second.id]
    assert bus.published[-1].is_heartbeat
    keys = log.keys()
    assert all(opens(each, keys.for_position(each.position)) for each in bus.published)


def test_each_version_of_an_event_is_sealed_and_the_newest_comes_first(
    log: EventLog, source: Database, clock: ManualClock
) -> None:
    bus = RecordingBus(between_replicas=True)
    first, second = record(log, source, "AB")
    newer = f"{first.type}.v2"
    same = Successor(older=first.type, newer=newer, upcast=dict, downcast=dict)
    versions = Versions([same], [first.type, newer])
    Relay(log, bus, clock, holder="one", versions=versions).step()

    published = [each for each in bus.published if not each.is_heartbeat]
    assert [(each.position, each.type) for each in published] == [
        (1, newer),
        (1, first.type),
        (2, newer),
        (2, first.type),
    ]
    assert [each.previous for each in published] == ["", "", first.id, first.id]
    keys = log.keys()
    assert all(opens(each, keys.for_position(each.position)) for each in published)
    assert second.id == published[-1].id


def test_on_an_in_process_bus_only_the_newest_version_is_published(
    log: EventLog, source: Database, clock: ManualClock, bus: RecordingBus
) -> None:
    (event,) = record(log, source, "A")
    newer = f"{event.type}.v2"
    same = Successor(older=event.type, newer=newer, upcast=dict, downcast=dict)
    versions = Versions([same], [event.type, newer])
    Relay(log, bus, clock, holder="one", versions=versions).step()

    assert [each.type for each in bus.published if not each.is_heartbeat] == [newer]


def test_on_an_in_process_bus_nothing_is_sealed(
    relay: Relay, log: EventLog, source: Database, bus: RecordingBus
) -> None:
    recorded = record(log, source, "AB")
    relay.step()

    assert bus.published[:2] == recorded
    assert [each.seal for each in bus.published] == ["", "", ""]


def test_a_relay_goes_back_to_where_the_log_was_cut(
    relay: Relay,
    log: EventLog,
    source: Database,
    bus: RecordingBus,
    clock: ManualClock,
) -> None:
    record(log, source, "ABC")
    relay.step()
    with source.writing() as connection:
        connection.exec_driver_sql("DELETE FROM event_log WHERE position > 1")
        connection.exec_driver_sql(
            "UPDATE subscription_cursors SET position = 1, last_id = NULL"
        )
    record(log, source, "DE")
    clock.advance(1)
    relay.step()

    assert bus.events() == [1, 2, 3, 2, 3]


def test_after_a_cut_nothing_is_published_until_the_relay_goes_back(
    relay: Relay, log: EventLog, source: Database, bus: RecordingBus
) -> None:
    """The log was cut and grew, without a fault or heartbeat in between."""
    record(log, source, "ABC")
    relay.step()
    with source.writing() as connection:
        connection.exec_driver_sql("DELETE FROM event_log WHERE position > 1")
    grown = record(log, source, "DEFG")
    bus.published.clear()
    relay.step()
    assert bus.events() == []

    record(log, source, "H")
    relay.step()
    (published,) = [each for each in bus.published if not each.is_heartbeat]
    assert (published.position, published.previous) == (6, grown[-1].id)


def test_a_step_publishes_at_most_one_batch(
    relay: Relay,
    log: EventLog,
    source: Database,
    bus: RecordingBus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relays, "BATCH", 2)
    record(log, source, "ABCDE")

    assert [relay.step() for _ in range(4)] == [2, 2, 1, 0]
    assert bus.events() == [1, 2, 3, 4, 5]


def test_a_crash_before_the_position_is_saved_publishes_again(
    relay: Relay, log: EventLog, source: Database, bus: RecordingBus, clock: ManualClock
) -> None:
    record(log, source, "A")
    relay.step()
    record(log, source, "BC")
    relay.step()

    Relay(log, bus, clock, holder="one").step()

    assert bus.events() == [1, 2, 3, 2, 3]


def test_a_restart_continues_after_the_saved_position(
    relay: Relay, log: EventLog, source: Database, bus: RecordingBus, clock: ManualClock
) -> None:
    record(log, source, "AB")
    relay.step()
    record(log, source, "C")

    Relay(log, bus, clock, holder="one").step()

    assert bus.events() == [1, 2, 3]


def test_the_position_is_not_saved_for_each_batch(
    relay: Relay, log: EventLog, source: Database, clock: ManualClock
) -> None:
    another = Relay(log, RecordingBus(), clock, holder="one")
    for key in "ABC":
        record(log, source, key)
        relay.step()
    assert another.published() == 1

    clock.advance(0.25)
    relay.step()
    assert another.published() == 3


def test_of_two_relays_the_one_behind_does_not_turn_the_position_back(
    relay: Relay, log: EventLog, source: Database, bus: RecordingBus, clock: ManualClock
) -> None:
    record(log, source, "A")
    slow = Relay(log, bus, clock, holder="one")
    slow.step()
    record(log, source, "B")
    clock.advance(1)
    relay.step()
    record(log, source, "C")
    relay.step()
    clock.advance(1)
    relay.save()

    slow.save()

    assert Relay(log, bus, clock, holder="one").published() == 3


def test_events_that_the_bus_refused_are_published_when_it_is_back(
    log: EventLog, source: Database, clock: ManualClock
) -> None:
    class AwayBus(RecordingBus):
        away = True

        def publish(self, batch: Sequence[Envelope]) -> None:
            if self.away:
                raise BusUnavailableError
            super().publish(batch)

    bus = AwayBus()
    relay = Relay(log, bus, clock, holder="one")
    record(log, source, "AB")
    assert relay.step() == 0
    assert relay.published() == 0

    bus.away = False
    clock.advance(1)

    assert relay.step() == 2
    assert bus.events() == [1, 2]


def test_of_several_replicas_one_publishes_and_another_takes_over_after_its_crash(
    log: EventLog, source: Database, bus: RecordingBus, clock: ManualClock
) -> None:
    replicas = [Relay(log, bus, clock, holder=name) for name in ("one", "two")]
    record(log, source, "AB")
    assert [replica.step() for replica in replicas] == [2, 0]
    clock.advance(0.3)
    replicas[0].step()
    record(log, source, "C")
    assert replicas[1].step() == 0

    clock.advance(5)

    assert replicas[1].step() == 1
    assert bus.events() == [1, 2, 3]


def test_the_leading_relay_announces_those_that_stand_by(
    relay: Relay, log: EventLog, bus: RecordingBus, clock: ManualClock
) -> None:
    standby = Relay(log, bus, clock, holder="two")
    relay.step()
    standby.step()
    clock.advance(1.1)
    relay.step()

    assert set(json.loads(bus.published[-1].data)["relays"]) == {relay.id, standby.id}


def test_the_leading_relay_is_known_however_many_others_came_since(
    relay: Relay, log: EventLog, source: Database, clock: ManualClock
) -> None:
    relay.step()
    with source.writing() as connection:
        for number in range(150):
            note_relay(connection, f"another-{number}")
    clock.advance(1.1)
    relay.step()

    assert relay.id in log.keys().relays


def test_an_overtaken_relay_continues_from_the_position_of_the_other(
    log: EventLog, source: Database, bus: RecordingBus, clock: ManualClock
) -> None:
    slept, other = [Relay(log, bus, clock, holder=name) for name in "ab"]
    record(log, source, "AB")
    slept.step()
    clock.advance(5)
    record(log, source, "C")
    other.step()
    other.save()
    # It was suspended together with its clock.
    slept.cursor._ask_again_us = clock.us + 10**9

    slept.step()
    slept.save()

    assert slept.step() == 0
    assert slept.published() == 3


def test_the_head_is_announced_every_second_without_new_entries(
    relay: Relay, log: EventLog, source: Database, bus: RecordingBus, clock: ManualClock
) -> None:
    record(log, source, "ABC")
    for _ in range(21):
        relay.step()
        clock.advance(0.1)

    assert bus.heartbeats() == [3, 3, 3]
    assert {each.type for each in bus.published if each.is_heartbeat} == {
        "heartbeat.shop"
    }


def test_nothing_is_published_while_a_transaction_is_open(
    log: EventLog, source: Database, clock: ManualClock
) -> None:
    """Law 8: a slow bus delays no writer."""
    occupied = []

    class WatchingBus(RecordingBus):
        def publish(self, batch: Sequence[Envelope]) -> None:
            super().publish(batch)
            occupied.append(is_occupied(source))

    relay = Relay(log, WatchingBus(), clock, holder="one")
    record(log, source, "AB")
    relay.step()

    assert occupied == [False, False]


def is_occupied(database: Database) -> bool:
    """Whether a write transaction, or on PostgreSQL any connection, is open."""
    store = database.store
    if isinstance(store, PostgresStore):
        assert isinstance(store.engine.pool, QueuePool)
        return store.engine.pool.checkedout() > 0
    assert isinstance(store, SqliteStore)
    writer = store._writer
    return store._turn.locked() or (writer is not None and writer.in_transaction())
