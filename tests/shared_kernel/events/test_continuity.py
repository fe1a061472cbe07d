"""Law 11: a log that was cut, has grown again or was replaced is refused."""

import attrs
import pytest

from shared_kernel.buses.envelope import heartbeat
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import to_us
from shared_kernel.events.compaction import Compaction
from shared_kernel.events.continuity import compare
from shared_kernel.events.cursors import begin_anew, place_of
from shared_kernel.events.errors import (
    LogCutShortError,
    LogRegrownError,
    LogReplacedError,
    NotTheSameLogError,
)
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import (
    change_identity,
)
from shared_kernel.events.relay import Relay
from shared_kernel.events.subscription import Subscription
from shared_kernel.storage.database import Database
from tests.shared_kernel.events.builders import (
    NOON,
    SOURCE,
    ManualClock,
    applied,
    record,
)
from tests.shared_kernel.events.readers import Elsewhere, a_reader, cut, seals, step


def test_a_log_that_was_cut_and_has_grown_again_is_refused(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    record(feed.log, source, "ABC")
    step(reader, clock)
    reader.stop()

    cut(source, 1)
    with pytest.raises(LogCutShortError, match="begin-anew --source shop"):
        compare(reader.cursor.saved_place(), feed)
    record(feed.log, source, "DEFGH")
    with pytest.raises(LogRegrownError, match="was cut short and has grown again"):
        compare(reader.cursor.saved_place(), feed)
    reader = a_reader(feed, subscriber, clock)
    step(reader, clock)
    assert applied(subscriber) == [1, 2, 3]

    with source.writing() as connection:
        change_identity(connection)
    with pytest.raises(LogReplacedError, match="is another one"):
        compare(reader.cursor.saved_place(), feed)

    with subscriber.writing() as connection:
        begin_anew(connection, "listing", SOURCE)
    clock.advance(5)
    step(reader, clock)
    assert applied(subscriber) == [1, 2, 3, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("how", ["brought", "read"])
def test_a_log_that_was_cut_and_grew_between_two_reads_is_refused(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    how: str,
) -> None:
    """Without a fault or heartbeat in between, as in a failover behind a proxy."""
    record(feed.log, source, "ABC")
    step(reader, clock)
    cut(source, 1)
    record(feed.log, source, "DEFG")
    brought = feed.read(3, 10)
    if how == "read":
        brought = [heartbeat(SOURCE, 5, to_us(NOON), feed.log.keys().log)]
    reader.deliver(Delivery(brought, from_log=True))
    step(reader, clock)

    assert applied(subscriber) == [1, 2, 3]
    assert reader.cursor.saved() == 3


def test_a_cut_is_detected_at_the_next_heartbeat(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    record(feed.log, source, "ABC")
    step(reader, clock)
    cut(source, 2)
    (other,) = record(feed.log, source, "D")
    log = feed.log.keys().log
    beat = seals(feed.log, [heartbeat(SOURCE, 3, to_us(NOON), log)], other.id)
    reader.deliver(Delivery(beat))
    reader.step()
    assert reader._faults == 1
    reader.deliver(Delivery(seals(feed.log, record(feed.log, source, "E"), other.id)))
    step(reader, clock)

    assert applied(subscriber) == [1, 2, 3]
    with pytest.raises(NotTheSameLogError):
        compare(reader.cursor.saved_place(), feed)


@pytest.mark.parametrize("left", [0, 1])
def test_a_cut_is_detected_in_the_process_of_the_log_too(
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    left: int,
) -> None:
    """There nothing is sealed."""
    bus = InProcessBus()
    relay, reader = (
        Relay(log, bus, clock, holder="one"),
        a_reader(log, subscriber, clock),
    )
    bus.subscribe(">", "listing", reader.deliver)
    record(log, source, "ABC")
    relay.step()
    step(reader, clock)
    assert reader._faults == 0
    cut(source, left)
    clock.advance(1)
    relay.step()
    reader.step()

    assert applied(subscriber) == [1, 2, 3]
    assert reader._faults == 1


def test_a_compaction_keeps_digests_for_readers(
    log: EventLog, source: Database
) -> None:
    events = record(log, source, "AAA")
    compaction = Compaction(log, 3)
    while compaction.step():
        pass
    assert [each.position for each in log.read(0, 10)] == [1, 3]

    compare(place_of(events[1]), log)
    with pytest.raises(LogRegrownError):
        compare(attrs.evolve(place_of(events[1]), last_id="another"), log)
