"""Law 11: a copy has the same identity and key, but its events are dropped."""

from pathlib import Path

import attrs
import pytest

from shared_kernel.buses.envelope import heartbeat
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import to_us
from shared_kernel.events.continuity import compare
from shared_kernel.events.cursors import begin_anew
from shared_kernel.events.dropped import COPY, RELAY
from shared_kernel.events.errors import (
    LogRegrownError,
)
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import (
    change_key,
    note_relay,
)
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
    keys_applied,
    seals,
    step,
)


@pytest.mark.parametrize("confirms", [True, False])
def test_events_of_a_copy_of_the_log_are_dropped(
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    tmp_path: Path,
    confirms: bool,
) -> None:
    """A copy with the same identity and key, which continues on its own."""
    reader = a_reader(feed, subscriber, clock, confirms=confirms)
    (one,) = record(feed.log, source, "A")
    step(reader, clock)
    with a_database(tmp_path / "copy.db") as other:
        with other.writing() as connection:
            connection.exec_driver_sql("DELETE FROM log_identity")
            keys = feed.log.keys()
            connection.exec_driver_sql(
                f"INSERT INTO log_identity VALUES (1, '{keys.log}', '{keys.key}', "
                "NULL, NULL)"
            )
        copy = EventLog(other, SOURCE)
        record(copy, other, "A")
        strange = record(copy, other, "YZ")
    reader.deliver(Delivery(seals(feed.log, strange, one.id, relay="the-copy")))
    step(reader, clock)
    assert (applied(subscriber), counts(subscriber)) == ([1], {COPY: 2})

    reader.deliver(Delivery(seals(feed.log, record(feed.log, source, "BC"), one.id)))
    step(reader, clock)
    assert applied(subscriber) == [1, 2, 3]


@pytest.mark.parametrize("confirms", [True, False])
def test_a_forger_with_the_key_and_a_relay_id_is_detected_at_the_next_event(
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    confirms: bool,
) -> None:
    """In the log's process, at once. What a stolen key can do: `docs/delivery.md`."""
    reader = a_reader(feed, subscriber, clock, confirms=confirms)
    (one,) = record(feed.log, source, "A")
    step(reader, clock)
    forged = attrs.evolve(one, position=2, id="forged", key="F")
    reader.deliver(Delivery(seals(feed.log, [forged], one.id)))
    step(reader, clock)
    (two,) = record(feed.log, source, "B")
    reader.deliver(Delivery(seals(feed.log, [two], one.id)))
    step(reader, clock)

    if confirms:
        assert keys_applied(subscriber) == ["A", "B"]
        return
    assert keys_applied(subscriber) == ["A", "F"]
    with pytest.raises(LogRegrownError):
        compare(reader.cursor.saved_place(), feed)

    with source.writing() as connection:
        change_key(connection, feed.log.head())
    with subscriber.writing() as connection:
        begin_anew(connection, "listing", SOURCE)
    clock.advance(5)
    step(reader, clock)
    assert keys_applied(subscriber) == ["A", "F", "A", "B"]


def test_events_of_an_unknown_relay_are_dropped_while_the_log_is_unreachable(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    step(reader, clock)
    one, two, three = record(feed.log, source, "ABC")
    reader.deliver(Delivery(seals(feed.log, [one, two])))
    step(reader, clock)
    feed.away = True
    reader.deliver(Delivery(seals(feed.log, [three], two.id, relay="unheard-of")))
    step(reader, clock)
    assert (applied(subscriber), counts(subscriber)) == ([1, 2], {RELAY: 1})

    feed.away = False
    with source.writing() as connection:
        note_relay(connection, "unheard-of")
    log = feed.log.keys().log
    beat = heartbeat(SOURCE, 3, to_us(NOON), log)
    reader.deliver(Delivery(seals(feed.log, [beat], three.id, relay="unheard-of")))
    step(reader, clock)
    assert applied(subscriber) == [1, 2, 3]


def test_a_relay_announced_before_is_known_while_the_log_is_unreachable(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    step(reader, clock)
    one, two = record(feed.log, source, "AB")
    reader.deliver(Delivery(seals(feed.log, [one])))
    step(reader, clock)
    feed.away = True
    log = feed.log.keys().log
    announcement = heartbeat(SOURCE, 1, to_us(NOON), log, ["standing-by", OURS])
    reader.deliver(Delivery(seals(feed.log, [announcement], one.id)))
    copys = heartbeat(SOURCE, 1, to_us(NOON), log, ["the-copy"])
    reader.deliver(Delivery(seals(feed.log, [copys], one.id, relay="the-copy")))
    reader.deliver(Delivery(seals(feed.log, [two], one.id, relay="the-copy")))
    step(reader, clock)
    assert (applied(subscriber), counts(subscriber)) == ([1], {RELAY: 2})

    reader.stop()
    again = a_reader(feed, subscriber, clock)
    again.deliver(Delivery(seals(feed.log, [two], one.id, relay="standing-by")))
    step(again, clock)
    assert applied(subscriber) == [1, 2]
