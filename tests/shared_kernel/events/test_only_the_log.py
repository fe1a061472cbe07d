"""Law 11: a bus can make nothing true that the log does not hold."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import to_us
from shared_kernel.events import dropped
from shared_kernel.events.compaction import Compaction
from shared_kernel.events.continuity import compare
from shared_kernel.events.cursors import begin_anew, place_of
from shared_kernel.events.dropped import COPY, FORM, OTHER_LOG, RELAY, SEAL
from shared_kernel.events.errors import (
    LogCutShortError,
    LogRegrownError,
    LogReplacedError,
    NotTheSameLogError,
)
from shared_kernel.events.event_log import EventLog, Mark
from shared_kernel.events.identity import (
    LogKeys,
    change_identity,
    change_key,
    note_relay,
)
from shared_kernel.events.relay import Relay
from shared_kernel.events.seal import sealed
from shared_kernel.events.subscription import Subscription
from shared_kernel.storage.database import Database
from tests.shared_kernel.events.builders import (
    NOON,
    SOURCE,
    ManualClock,
    a_database,
    applied,
    apply_effects,
    record,
)

OURS = "our-relay"


@attrs.define
class Elsewhere:
    """The log as another process has it, which may be away."""

    log: EventLog
    away: bool = False
    asked_for_keys: int = 0

    @property
    def source(self) -> str:
        return self.log.source

    def read(self, after: int, limit: int) -> list[Envelope]:
        self._reach()
        return self.log.read(after, min(limit, 1000))

    def head(self) -> int:
        self._reach()
        return self.log.head()

    def mark(self, position: int) -> Mark:
        self._reach()
        return self.log.mark(position)

    def keys(self) -> LogKeys:
        self.asked_for_keys += 1
        self._reach()
        return self.log.keys()

    def _reach(self) -> None:
        if self.away:
            raise ConnectionRefusedError


@pytest.fixture
def feed(log: EventLog, source: Database) -> Elsewhere:
    with source.writing() as connection:
        note_relay(connection, OURS)
    return Elsewhere(log)


@pytest.fixture
def reader(feed: Elsewhere, subscriber: Database, clock: ManualClock) -> Subscription:
    return a_reader(feed, subscriber, clock)


def a_reader(
    feed: Elsewhere | EventLog,
    database: Database,
    clock: ManualClock,
    *,
    confirms: bool = False,
) -> Subscription:
    return Subscription(
        "listing",
        feed,
        database,
        apply_effects,
        holder="one",
        clock=clock,
        confirms=confirms,
    )


def seals(
    log: EventLog, batch: Sequence[Envelope], previous: str = "", relay: str = OURS
) -> list[Envelope]:
    """As a relay sends them."""
    done = []
    for envelope in batch:
        key = log.keys().key
        done.append(sealed(envelope, key, previous=previous, relay=relay))
        previous = envelope.id
    return done


def step(reader: Subscription, clock: ManualClock) -> None:
    """Until nothing comes of it, and what was counted is saved."""
    for _ in range(5):
        while reader.step():
            pass
        clock.advance(0.3)


def counts(database: Database) -> dict[str, int]:
    with database.reading() as connection:
        found = dropped.counted(connection, "listing", SOURCE)
    return {reason: count for reason, count in found.items() if count}


def test_what_the_relay_sealed_is_applied_from_the_bus(
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


def test_more_than_a_feed_answers_at_once_makes_no_relay_a_copys(
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
def test_what_anybody_changed_is_as_good_as_lost(
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


def test_a_forged_heartbeat_of_the_future_makes_nobody_read(
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


def test_a_reader_starts_with_the_key_it_kept_while_the_log_is_away(
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


def test_a_new_key_is_learned_and_the_former_opens_what_there_was(
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


def cut(source: Database, behind: int) -> None:
    with source.writing() as connection:
        connection.exec_driver_sql(f"DELETE FROM event_log WHERE position > {behind}")


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
def test_a_log_that_grew_again_before_anybody_looked_is_refused(
    reader: Subscription,
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    how: str,
) -> None:
    """No fault, no heartbeat in between: a failover behind a proxy, say."""
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


def test_a_cut_shows_at_the_next_heartbeat_while_all_is_running(
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
def test_so_it_does_in_the_process_that_has_the_log(
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    left: int,
) -> None:
    """Where nothing is sealed."""
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


@pytest.mark.parametrize("confirms", [True, False])
def test_a_copy_of_the_log_is_believed_by_nobody(
    feed: Elsewhere,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    tmp_path: Path,
    confirms: bool,
) -> None:
    """It has the same identity and the same key, and goes on by itself."""
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


def test_who_is_no_relay_of_the_log_is_not_believed_while_that_is_away(
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


def test_a_relay_that_takes_over_while_the_log_is_away_was_told_of_before(
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
    told = heartbeat(SOURCE, 1, to_us(NOON), log, ["standing-by", OURS])
    reader.deliver(Delivery(seals(feed.log, [told], one.id)))
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


def test_a_compaction_leaves_what_a_reader_compares_with(
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
    """Without counters, and without leases."""
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
