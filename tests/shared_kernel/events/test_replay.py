"""Dead letters are replayed in order, each once, even if interrupted in between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from shared_kernel.buses.envelope import heartbeat
from shared_kernel.buses.port import Delivery
from shared_kernel.dead_letters.letter import (
    DEAD,
    PARKED,
    ReplayError,
    StillFailingError,
    UnknownDeadLetterError,
)
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.subscription import Subscription
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import ConcurrentUpdateError
from tests.shared_kernel.events.builders import (
    SOURCE,
    Failing,
    ManualClock,
    applied,
    record,
)

Make = Callable[..., DeadLetters]


@pytest.fixture
def failing() -> Failing:
    return Failing({1}, lambda: UnreadableEventError("x"))


@pytest.fixture
def subscription(
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    failing: Failing,
) -> Subscription:
    """Event 1 of key "A" is dead-lettered, 3 and 4 are parked; 2 is of key "B"."""
    record(log, source, "ABAA")
    subscription = Subscription(
        "listing", log, subscriber, failing, holder="one", clock=clock
    )
    subscription.step()
    return subscription


@pytest.fixture
def letters(
    subscription: Subscription, subscriber: Database, failing: Failing
) -> DeadLetters:
    return DeadLetters(subscriber, {("listing", SOURCE): failing})


def states(letters: DeadLetters) -> list[tuple[int, str]]:
    return [(each.envelope.position, each.state) for each in letters.list()]


def test_a_replay_applies_the_event_and_those_parked_behind_it_in_order(
    letters: DeadLetters, subscriber: Database, failing: Failing
) -> None:
    failing.positions.clear()

    assert letters.replay(1) == 3

    assert applied(subscriber) == [2, 1, 3, 4]
    assert letters.list() == []


def test_after_a_replay_events_of_the_key_are_applied_again(
    letters: DeadLetters,
    subscription: Subscription,
    log: EventLog,
    source: Database,
    subscriber: Database,
    failing: Failing,
) -> None:
    failing.positions.clear()
    letters.replay(1)

    subscription.deliver(Delivery(record(log, source, "A"), from_log=True))
    subscription.step()

    assert applied(subscriber)[-1] == 5


def test_an_event_that_fails_again_stays_a_dead_letter(
    letters: DeadLetters, subscriber: Database
) -> None:
    with pytest.raises(StillFailingError, match=r"dead letter 1 failed again: .*x"):
        letters.replay(1)

    assert states(letters) == [(1, DEAD), (3, PARKED), (4, PARKED)]
    assert letters.show(1).attempts == 2
    assert applied(subscriber) == [2]


def test_a_parked_event_that_fails_becomes_the_dead_letter_of_the_rest(
    letters: DeadLetters, subscriber: Database, failing: Failing
) -> None:
    failing.positions = {3}

    with pytest.raises(StillFailingError):
        letters.replay(1)

    assert applied(subscriber) == [2, 1]
    assert states(letters) == [(3, DEAD), (4, PARKED)]
    assert letters.show(2).reason == "UnreadableEventError: x"
    assert letters.show(2).attempts == 1


def test_a_parked_event_is_not_replayed_before_its_turn(
    letters: DeadLetters, subscriber: Database
) -> None:
    with pytest.raises(ReplayError, match="waits behind an earlier one of 'A'"):
        letters.replay(2)
    with pytest.raises(ReplayError, match="waits behind"):
        letters.discard(3)

    assert applied(subscriber) == [2]


def test_an_unknown_letter_is_refused(letters: DeadLetters) -> None:
    for act in (letters.show, letters.replay, letters.discard):
        with pytest.raises(UnknownDeadLetterError, match="there is no dead letter 99"):
            act(99)


def test_a_discarded_event_is_deleted_and_those_behind_it_are_replayed(
    letters: DeadLetters, subscriber: Database
) -> None:
    assert letters.discard(1) == 2

    assert applied(subscriber) == [2, 3, 4]
    assert letters.list() == []


def test_a_fault_of_the_infrastructure_leaves_the_letter_as_it_was(
    letters: DeadLetters, failing: Failing
) -> None:
    before = letters.list()
    failing.error = lambda: OperationalError("INSERT", None, Exception("locked"))

    with pytest.raises(OperationalError):
        letters.replay(1)

    assert letters.list() == before


def test_a_change_of_the_same_rows_in_between_is_tried_again(
    letters: DeadLetters, subscriber: Database, failing: Failing
) -> None:
    failing.tried.clear()

    def once() -> Exception:
        failing.positions.clear()
        return ConcurrentUpdateError("a row was changed in between")

    failing.error = once

    assert letters.replay(1) == 3
    assert failing.tried == [[1], [1], [3], [4]]
    assert applied(subscriber) == [2, 1, 3, 4]


def test_events_parked_during_a_replay_are_replayed_too(
    letters: DeadLetters,
    subscription: Subscription,
    log: EventLog,
    source: Database,
    subscriber: Database,
    failing: Failing,
) -> None:
    failing.positions = {3}
    with pytest.raises(StillFailingError):
        letters.replay(1)
    record(log, source, "A")
    subscription.deliver(Delivery([heartbeat(SOURCE, 5, 0)], from_log=True))
    subscription.step()
    assert states(letters) == [(3, DEAD), (4, PARKED), (5, PARKED)]

    failing.positions.clear()
    assert letters.replay(2) == 3
    assert applied(subscriber) == [2, 1, 3, 4, 5]


class Crash(BaseException):
    pass


@pytest.mark.parametrize("act", ["replay", "discard"])
@pytest.mark.parametrize("commit", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
def test_an_interruption_keeps_the_order(
    letters: DeadLetters,
    subscription: Subscription,
    log: EventLog,
    source: Database,
    subscriber: Database,
    failing: Failing,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    commit: int,
    after: bool,
) -> None:
    failing.positions.clear()
    writing, commits = Database.writing, 0

    @contextmanager
    def crashing(database: Database) -> Iterator[Connection]:
        nonlocal commits
        commits += 1
        with writing(database) as connection:
            yield connection
            if commits == commit and not after:
                raise Crash
        if commits == commit:
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Database, "writing", crashing)
        with pytest.raises(Crash):
            getattr(letters, act)(1)
    # Meanwhile the subscription continues: no event of the key overtakes.
    subscription.deliver(Delivery(record(log, source, "A"), from_log=True))
    subscription.step()
    if left := letters.list():
        assert [letter.state for letter in left] == [DEAD] + [PARKED] * (len(left) - 1)
        getattr(letters, act if left[0].number == 1 else "replay")(left[0].number)

    let_go = [] if act == "discard" else [1]
    assert applied(subscriber) == [2, *let_go, 3, 4, 5]
    assert letters.list() == []


def test_a_letter_of_a_subscription_that_is_gone_is_kept_with_its_reason(
    subscription: Subscription, subscriber: Database
) -> None:
    letters = DeadLetters(subscriber, {})
    (dead, *_) = letters.list()

    with pytest.raises(ReplayError, match="there is no subscription 'listing'"):
        letters.replay(dead.number)

    assert letters.show(dead.number) == dead
