"""An event that was discarded for good is passed over by who reads the log again."""

import attrs
import pytest

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import deviations, discarded
from shared_kernel.events.cursors import begin_anew
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.subscription import Subscription
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.storage.database import Database
from tests.shared_kernel.events.builders import (
    SOURCE,
    Failing,
    ManualClock,
    applied,
    record,
)

FAILING = Failing({2}, lambda: UnreadableEventError("x"))


@pytest.fixture
def batch(
    log: EventLog, source: Database, subscriber: Database, clock: ManualClock
) -> list[Envelope]:
    """Of "A" are 1 to 3 and 5; the second was discarded, so 3 and 5 were applied."""
    batch = record(log, source, "AAABA")
    work(log, subscriber, clock, FAILING)
    letters = DeadLetters(subscriber, {("listing", SOURCE): Failing()})
    assert letters.discard(1) == 2
    return batch


def work(
    log: EventLog, subscriber: Database, clock: ManualClock, apply: Failing
) -> None:
    reader = Subscription("listing", log, subscriber, apply, holder="one", clock=clock)
    while reader.step():
        pass
    reader.stop()


def begin(subscriber: Database) -> None:
    with subscriber.writing() as connection:
        begin_anew(connection, "listing", SOURCE)


def test_a_reader_that_begins_anew_passes_over_it_and_applies_those_behind_it(
    batch: list[Envelope], log: EventLog, subscriber: Database, clock: ManualClock
) -> None:
    before = applied(subscriber)
    begin(subscriber)

    work(log, subscriber, clock, FAILING)

    assert applied(subscriber)[len(before) :] == [1, 3, 4, 5]
    with subscriber.reading() as connection:
        assert discarded.positions(connection, "listing", SOURCE, 2, 2) == {
            2: batch[1].id
        }


def test_once_that_is_forgotten_it_is_applied(
    batch: list[Envelope], log: EventLog, subscriber: Database, clock: ManualClock
) -> None:
    before = applied(subscriber)
    with subscriber.writing() as connection:
        discarded.forget(connection, "listing", SOURCE)
    begin(subscriber)

    work(log, subscriber, clock, Failing())

    assert applied(subscriber)[len(before) :] == [1, 2, 3, 4, 5]


def test_it_does_not_park_behind_a_dead_letter_of_its_key(
    batch: list[Envelope], log: EventLog, subscriber: Database, clock: ManualClock
) -> None:
    begin(subscriber)

    work(log, subscriber, clock, Failing({1}, lambda: UnreadableEventError("x")))

    letters = DeadLetters(subscriber, {}).list()
    assert [each.envelope.position for each in letters] == [1, 3, 5]


def test_another_log_has_another_event_at_that_position(
    batch: list[Envelope], subscriber: Database
) -> None:
    with subscriber.reading() as connection:
        found = deviations.deviations(connection, "listing", SOURCE, batch)

    assert [each.position for each in batch if found.is_discarded(each)] == [2]
    assert not found.is_discarded(attrs.evolve(batch[1], id="another"))


def test_of_many_blocked_keys_those_of_the_batch_are_found(
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deviations, "MOST_KEYS", 2)
    failing = Failing({1, 2, 3, 4}, lambda: UnreadableEventError("x"))
    record(log, source, "ABCD")
    work(log, subscriber, clock, failing)
    batch = record(log, source, "ADE")

    with subscriber.reading() as connection:
        found = deviations.deviations(connection, "listing", SOURCE, batch)
    work(log, subscriber, clock, failing)

    assert found.keys == {"A", "D"}
    assert applied(subscriber) == [7]


def test_it_counts_for_its_own_subscription_only(
    batch: list[Envelope], subscriber: Database
) -> None:
    with subscriber.reading() as connection:
        assert discarded.count(connection, "listing", SOURCE) == 1
        assert discarded.count(connection, "another", SOURCE) == 0
        assert not deviations.deviations(connection, "another", SOURCE, batch)
        assert discarded.keys(connection, "listing", SOURCE) == {"A"}
