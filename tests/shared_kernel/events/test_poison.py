"""Law 5: an event that keeps failing is dead-lettered; later ones of its key park."""

import itertools
from collections.abc import Callable

import attrs
import pytest

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import to_us
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.letter import DEAD, PARKED, DeadLetter
from shared_kernel.events import subscription as subscriptions
from shared_kernel.events.cursors import Cursor
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.subscription import MAX_ATTEMPTS, Subscription
from shared_kernel.storage.database import Database
from tests.shared_kernel.events.builders import (
    NOON,
    SOURCE,
    Failing,
    ManualClock,
    applied,
    record,
)

Subscribe = Callable[..., Subscription]


@pytest.fixture
def subscribe(log: EventLog, subscriber: Database, clock: ManualClock) -> Subscribe:
    def make(apply: Failing, jitter: float = 0.5, holder: str = "one") -> Subscription:
        return Subscription(
            "listing",
            log,
            subscriber,
            apply,
            holder=holder,
            clock=clock,
            jitter=lambda: jitter,
        )

    return make


def letters(database: Database) -> list[DeadLetter]:
    with database.reading() as connection:
        return dead_letters.listed(connection)


def states(database: Database) -> list[tuple[int, str]]:
    return [(each.envelope.position, each.state) for each in letters(database)]


def work_long(subscription: Subscription, clock: ManualClock) -> None:
    for _ in range(100):
        subscription.step()
        clock.advance(0.5)


def test_an_event_that_keeps_failing_is_dead_lettered_with_all_that_a_replay_needs(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    batch = record(log, source, ["A"])
    work_long(subscribe(Failing({1})), clock)

    (letter,) = letters(subscriber)
    assert letter.envelope == attrs.evolve(batch[0], log="")
    assert letter.subscription == "listing"
    assert letter.state == DEAD
    assert letter.reason == "KeyError: 'failing'"
    assert letter.attempts == MAX_ATTEMPTS
    # From the first attempt to the last one.
    assert to_us(NOON) <= letter.since_us < letter.last_us <= clock.us
    assert letter.failure
    assert letter.failure.error_type == "KeyError"


def test_events_of_other_keys_are_applied_and_those_of_the_same_key_are_parked(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    record(log, source, "ABAABB")
    work_long(subscribe(Failing({1})), clock)

    assert applied(subscriber) == [2, 5, 6]
    assert states(subscriber) == [(1, DEAD), (3, PARKED), (4, PARKED)]


def test_later_events_of_the_key_are_parked_too(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    record(log, source, "A")
    subscription = subscribe(Failing({1}))
    work_long(subscription, clock)
    subscription.deliver(Delivery(record(log, source, "BA"), from_log=True))
    work_long(subscription, clock)

    restarted = subscribe(Failing({1}))
    restarted.deliver(Delivery(record(log, source, "A"), from_log=True))
    work_long(restarted, clock)

    assert applied(subscriber) == [2]
    assert states(subscriber) == [(1, DEAD), (3, PARKED), (4, PARKED)]


def test_the_same_key_in_another_subscription_is_not_affected(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    record(log, source, "AA")
    work_long(subscribe(Failing({1})), clock)

    innocent = Failing()
    another = Subscription(
        "another", log, subscriber, innocent, holder="one", clock=clock
    )
    another.step()

    assert innocent.tried == [[1, 2]]


def test_only_the_failing_event_of_a_batch_is_retried(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    record(log, source, "ABCDE")
    failing = Failing({3})
    work_long(subscribe(failing), clock)

    whole, *singly = failing.tried
    assert whole == [1, 2, 3, 4, 5]
    assert singly == [[1], [2], *[[3]] * MAX_ATTEMPTS, [4], [5]]
    assert applied(subscriber) == [1, 2, 4, 5]


def test_the_effects_of_a_failed_batch_are_rolled_back(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    record(log, source, "ABC")
    subscription = subscribe(Failing({3}))

    subscription.step()

    assert applied(subscriber) == [1, 2]
    assert subscription.cursor.saved() == 2


def test_an_event_that_fails_for_a_while_is_applied_in_order(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    record(log, source, "ABC")
    failing = Failing({2})
    subscription = subscribe(failing)
    subscription.step()
    clock.advance(5)
    subscription.step()
    failing.positions.clear()
    work_long(subscription, clock)

    assert applied(subscriber) == [1, 2, 3]
    assert letters(subscriber) == []


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.5), (1.0, 1.0)])
def test_attempts_back_off(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    clock: ManualClock,
    jitter: float,
    share: float,
) -> None:
    record(log, source, "A")
    failing = Failing({1})
    subscription = subscribe(failing, jitter)
    tried_us = []
    for _ in range(2000):
        before = len(failing.tried)
        subscription.step()
        if len(failing.tried) > before:
            tried_us.append(clock.us)
        clock.advance(0.001)

    # The first step tries the batch as a whole, then the event alone.
    assert len(failing.tried) == MAX_ATTEMPTS + 1
    waits_us = [after - before for before, after in itertools.pairwise(tried_us)]
    assert waits_us == [share * wait_us for wait_us in (1e5, 2e5, 4e5, 8e5)]


def test_an_unreadable_event_is_dead_lettered_at_once(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    record(log, source, "AB")
    failing = Failing({1}, lambda: UnreadableEventError("no field `sku`"))
    assert subscribe(failing).step() == 2

    (letter,) = letters(subscriber)
    assert letter.attempts == 1
    assert letter.reason == "UnreadableEventError: no field `sku`"
    assert applied(subscriber) == [2]


@pytest.mark.parametrize("character", ["\0", "\U0001fa94"])
def test_whatever_the_reason_says_the_event_is_dead_lettered(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    character: str,
) -> None:
    record(log, source, "AB")
    failing = Failing({1}, lambda: UnreadableEventError(f"no field `{character}`"))

    assert subscribe(failing).step() == 2

    assert states(subscriber) == [(1, DEAD)]
    assert applied(subscriber) == [2]


def test_several_failing_ones_are_each_given_all_attempts(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    record(log, source, "ABC")
    work_long(subscribe(Failing({1, 2})), clock)

    assert [letter.attempts for letter in letters(subscriber)] == [MAX_ATTEMPTS] * 2
    assert applied(subscriber) == [3]


def test_an_event_is_dead_lettered_in_the_transaction_that_moves_the_cursor(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A crash before the commit leaves neither; the event is retried."""

    class Crash(BaseException):
        pass

    add = dead_letters.add

    def add_and_crash(*arguments: object, **named: object) -> None:
        add(*arguments, **named)  # type: ignore[arg-type]  # passed on as they came
        raise Crash

    record(log, source, "A")
    failing = Failing({1}, lambda: UnreadableEventError("x"))
    monkeypatch.setattr(dead_letters, "add", add_and_crash)
    subscription = subscribe(failing)
    with pytest.raises(Crash):
        subscription.step()
    monkeypatch.undo()

    assert letters(subscriber) == []
    assert Cursor(subscriber, "listing", SOURCE, "looker").saved() == 0

    subscribe(failing).step()
    assert states(subscriber) == [(1, DEAD)]


def test_a_replica_that_was_overtaken_dead_letters_nothing(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    """The event that kept failing here has been applied by the other replica."""
    record(log, source, "A")
    slow = subscribe(Failing({1}, lambda: UnreadableEventError("x")), holder="slow")
    slow.cursor.lease(clock.moment)
    quick = subscribe(Failing(), holder="quick")
    assert clock.watch(quick.cursor)
    quick.step()
    slow.cursor._ask_again_us = clock.us + 10**9

    slow.step()

    assert letters(subscriber) == []
    assert applied(subscriber) == [1]


def test_the_backoff_is_bounded() -> None:
    longest = subscriptions.FIRST_BACKOFF_US * 2 ** (MAX_ATTEMPTS - 1)
    assert longest <= subscriptions.MAX_BACKOFF_US


def test_a_dead_lettered_event_that_is_delivered_again_is_dropped(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    batch: list[Envelope] = record(log, source, "A")
    subscription = subscribe(Failing({1}, lambda: UnreadableEventError("x")))
    for _ in range(3):
        subscription.deliver(Delivery(batch, from_log=True))
        subscription.step()

    assert states(subscriber) == [(1, DEAD)]
