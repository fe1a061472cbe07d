"""Law 3 and 4: each event takes effect once and in order, whatever the bus does."""

import itertools
from collections.abc import Callable, Sequence

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import Deliver, Delivery, Leave
from shared_kernel.events import inbox
from shared_kernel.events import subscription as subscriptions
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.subscription import Apply, Counts, Subscription
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import ConcurrentUpdateError
from tests.shared_kernel.events.builders import (
    SOURCE,
    ManualClock,
    an_envelope,
    applied,
    apply_effects,
    record,
)

Subscribe = Callable[..., Subscription]


@pytest.fixture
def subscribe(log: EventLog, subscriber: Database, clock: ManualClock) -> Subscribe:
    def make(apply: Apply = apply_effects, holder: str = "one") -> Subscription:
        return Subscription(
            "listing", log, subscriber, apply, holder=holder, clock=clock
        )

    return make


def until_idle(subscription: Subscription) -> int:
    passed = 0
    while step := subscription.step():
        passed += step
    return passed


def test_a_new_subscription_reads_the_log_from_its_beginning(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    record(log, source, "ABC")

    assert until_idle(subscribe()) == 3
    assert applied(subscriber) == [1, 2, 3]


def test_deliveries_in_order_are_applied_without_reading_the_log(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subscription = subscribe()
    subscription.step()
    batch = record(log, source, "ABC")
    monkeypatch.setattr(EventLog, "read", None)

    subscription.deliver(Delivery(batch, from_log=True))

    assert until_idle(subscription) == 3
    assert applied(subscriber) == [1, 2, 3]


def test_deliveries_that_wait_are_applied_in_one_transaction(
    subscribe: Subscribe, log: EventLog, source: Database
) -> None:
    batches: list[int] = []

    def apply(batch: Sequence[Envelope], connection: Connection) -> None:
        batches.append(len(batch))

    subscription = subscribe(apply)
    subscription.step()
    for key in "ABC":
        subscription.deliver(Delivery(record(log, source, key), from_log=True))

    assert subscription.step() == 3
    assert batches == [3]


def test_a_repeated_delivery_is_dropped(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    subscription = subscribe()
    batch = record(log, source, "ABC")
    for _ in range(3):
        subscription.deliver(Delivery(batch, from_log=True))
        until_idle(subscription)

    assert applied(subscriber) == [1, 2, 3]


def test_an_event_that_comes_twice_in_one_batch_is_applied_once(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    subscription = subscribe()
    subscription.step()
    first, second = record(log, source, "AB")
    subscription.deliver(Delivery([first, first, second, first, second], from_log=True))
    until_idle(subscription)

    assert applied(subscriber) == [1, 2]


def test_a_gap_is_read_from_the_log(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    subscription = subscribe()
    subscription.step()
    batch = record(log, source, "ABCDE")
    subscription.deliver(Delivery([batch[0], batch[3]], from_log=True))
    until_idle(subscription)

    # The last one was neither delivered nor announced, but is found too.
    assert applied(subscriber) == [1, 2, 3, 4, 5]


def test_deliveries_out_of_order_are_applied_in_order(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    subscription = subscribe()
    subscription.step()
    for envelope in reversed(record(log, source, "ABCDE")):
        subscription.deliver(Delivery([envelope], from_log=True))
    until_idle(subscription)

    assert applied(subscriber) == [1, 2, 3, 4, 5]


def test_a_lost_tail_is_found_by_the_heartbeat(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    subscription = subscribe()
    subscription.step()
    record(log, source, "ABC")
    assert until_idle(subscription) == 0

    subscription.deliver(Delivery([heartbeat(SOURCE, 3, 0)], from_log=True))
    until_idle(subscription)

    assert applied(subscriber) == [1, 2, 3]


def test_a_heartbeat_is_no_event(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    subscription = subscribe()
    subscription.step()
    # At exactly the next position.
    subscription.deliver(Delivery([heartbeat(SOURCE, 1, 0)], from_log=True))
    until_idle(subscription)
    assert applied(subscriber) == []

    subscription.deliver(Delivery(record(log, source, "A"), from_log=True))
    until_idle(subscription)
    assert applied(subscriber) == [1]


def test_a_late_heartbeat_changes_nothing(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    subscription = subscribe()
    record(log, source, "ABC")
    until_idle(subscription)

    subscription.deliver(Delivery([heartbeat(SOURCE, 1, 0)], from_log=True))
    until_idle(subscription)

    assert applied(subscriber) == [1, 2, 3]


def test_events_of_another_source_are_ignored(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    subscription = subscribe()
    subscription.step()
    subscription.deliver(Delivery([an_envelope(1, source="stranger")], from_log=True))
    until_idle(subscription)
    assert applied(subscriber) == []

    record(log, source, "A")
    subscription.deliver(Delivery([heartbeat("stranger", 1, 0)], from_log=True))
    assert until_idle(subscription) == 0


def test_a_full_inbox_rejects_and_loses_nothing(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    subscription = subscribe()
    subscription.step()
    keys = [str(number) for number in range(inbox.MOST * 2)]
    for envelope in record(log, source, keys):
        subscription.deliver(Delivery([envelope], from_log=True))
    assert len(subscription._inbox) == inbox.MOST

    until_idle(subscription)
    subscription.deliver(Delivery([heartbeat(SOURCE, len(keys), 0)], from_log=True))
    until_idle(subscription)

    assert applied(subscriber) == list(range(1, len(keys) + 1))


def test_a_long_log_is_read_in_bounded_batches(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscriptions, "BATCH", 2)
    record(log, source, "ABCDE")
    subscription = subscribe()

    assert [subscription.step() for _ in range(4)] == [2, 2, 1, 0]


def test_a_restart_continues_after_the_cursor(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    record(log, source, "AB")
    until_idle(subscribe())
    record(log, source, "C")

    assert until_idle(subscribe()) == 1
    assert applied(subscriber) == [1, 2, 3]


def test_progress_is_reported_after_the_commit(
    log: EventLog, source: Database, subscriber: Database, clock: ManualClock
) -> None:
    seen: list[list[int]] = []
    subscription = Subscription(
        "listing",
        log,
        subscriber,
        apply_effects,
        holder="one",
        clock=clock,
        on_progress=lambda: seen.append(applied(subscriber)),
    )
    record(log, source, "AB")
    until_idle(subscription)

    assert seen == [[1, 2]]


def test_a_second_replica_stands_by(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    active, standby = subscribe(holder="one"), subscribe(holder="two")
    active.step()
    batch = record(log, source, "ABC")
    for replica in (standby, active):
        replica.deliver(Delivery(batch, from_log=True))

    assert standby.step() == 0
    assert active.step() == 3


def test_a_replica_that_stands_by_takes_over_from_a_crashed_one(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    dead, standby = subscribe(holder="dead"), subscribe(holder="two")
    record(log, source, "AB")
    until_idle(dead)
    standby.deliver(Delivery(record(log, source, "CD"), from_log=True))
    assert standby.step() == 0

    clock.advance(5)
    until_idle(standby)

    assert applied(subscriber) == [1, 2, 3, 4]


def test_a_stopped_replica_lets_another_take_over_at_once(
    subscribe: Subscribe, log: EventLog, source: Database
) -> None:
    record(log, source, "AB")
    first = subscribe(holder="one")
    first.step()
    first.stop()

    record(log, source, "C")
    assert subscribe(holder="two").step() == 1


def test_two_replicas_that_both_believe_in_their_lease_apply_nothing_twice(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    """The cursor guards against repetition even if the lease fails."""
    one, two = subscribe(holder="one"), subscribe(holder="two")
    one.step()
    assert clock.watch(two.cursor)
    two.step()
    # It was suspended together with its clock.
    one.cursor._ask_again_us = clock.us + 10**9
    batch = record(log, source, "ABC")
    for replica in (two, one):
        replica.deliver(Delivery(batch, from_log=True))
        assert replica.cursor.lease(clock.moment)

    assert two.step() == 3
    assert one.step() == 0
    assert applied(subscriber) == [1, 2, 3]


@attrs.define(eq=False)
class Member:
    """A fake bus: records members and answers."""

    joined: bool = False
    answers: list[str] = attrs.field(factory=list)

    def join(self, log: str, _: int, __: Deliver) -> Leave:
        self.joined = True
        return self.leave

    def leave(self) -> None:
        self.joined = False

    def brings(self, batch: Sequence[Envelope]) -> Delivery:
        return Delivery(
            batch,
            lambda: self.answers.append("acknowledged"),
            lambda: self.answers.append("rejected"),
            from_log=True,
        )


def test_only_the_active_replica_is_a_member_on_the_bus(
    log: EventLog, subscriber: Database, clock: ManualClock
) -> None:
    members = [Member(), Member()]
    active, standby = [
        Subscription(
            "listing",
            log,
            subscriber,
            apply_effects,
            holder=holder,
            clock=clock,
            joins=[member.join],
        )
        for holder, member in zip(("one", "two"), members, strict=True)
    ]
    active.step()
    standby.step()
    assert [member.joined for member in members] == [True, False]

    clock.advance(5)
    standby.step()
    active.step()

    assert [member.joined for member in members] == [False, True]


def test_a_delivery_is_acknowledged_after_the_commit(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    member, subscription = Member(), subscribe()
    subscription.step()
    batch = record(log, source, "ABC")
    subscription.deliver(member.brings(batch))
    assert member.answers == []

    subscription.step()
    assert (member.answers, applied(subscriber)) == (["acknowledged"], [1, 2, 3])

    subscription.deliver(member.brings(batch))
    subscription.step()
    assert member.answers == ["acknowledged"] * 2


def test_a_delivery_is_rejected_when_the_infrastructure_fails(
    subscribe: Subscribe, log: EventLog, source: Database
) -> None:
    def apply(batch: Sequence[Envelope], connection: Connection) -> None:
        raise OSError

    member, subscription = Member(), subscribe(apply)
    subscription.step()
    subscription.deliver(member.brings(record(log, source, "A")))
    subscription.step()

    assert member.answers == ["rejected"]


def test_a_stopped_replica_leaves_no_delivery_unanswered(
    subscribe: Subscribe, log: EventLog, source: Database, subscriber: Database
) -> None:
    member, subscription = Member(), subscribe()
    subscription.step()
    for key in "ABC":
        subscription.deliver(member.brings(record(log, source, key)))
    subscription.stop()

    assert member.answers == ["acknowledged"] * 3
    assert applied(subscriber) == [1, 2, 3]


def test_a_replica_that_lost_its_lease_rejects_its_deliveries(
    subscribe: Subscribe, log: EventLog, source: Database, clock: ManualClock
) -> None:
    member = Member()
    subscription, other = subscribe(holder="one"), subscribe(holder="two")
    subscription._joins = [member.join]
    subscription.step()
    assert clock.watch(other.cursor)
    other.step()
    subscription.deliver(member.brings(record(log, source, "A")))

    subscription.step()

    assert member.answers == ["rejected"]


def test_after_a_silence_of_the_bus_the_log_is_read(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    subscription = subscribe()
    subscription.step()
    record(log, source, "AB")
    clock.advance(1)
    assert subscription.step() == 0

    clock.advance(1)
    assert subscription.step() == 2
    assert applied(subscriber) == [1, 2]


def test_faults_of_the_bus_are_counted(
    subscribe: Subscribe, log: EventLog, source: Database
) -> None:
    subscription = subscribe()
    subscription.step()
    batch = record(log, source, "ABCDE")
    subscription.deliver(Delivery([batch[0], batch[0], batch[4]], from_log=True))
    until_idle(subscription)
    subscription.deliver(Delivery(batch[1:3], from_log=True))
    until_idle(subscription)

    assert subscription.counts == Counts(
        gaps_healed=1, read_events=4, duplicates_dropped=3
    )


FAULTS = [
    OperationalError("INSERT", None, Exception("database is locked")),
    ConcurrentUpdateError(),
    ConnectionError(),
    TimeoutError(),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_of_the_infrastructure_never_dead_letters_an_event(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
    fault: Exception,
) -> None:
    failing = True

    def apply(batch: Sequence[Envelope], connection: Connection) -> None:
        apply_effects(batch, connection)
        if failing:
            raise fault

    record(log, source, "ABC")
    subscription = subscribe(apply)
    for _ in range(50):
        assert subscription.step() == 0
        clock.advance(10)
    assert applied(subscriber) == []

    failing = False
    assert until_idle(subscription) == 3
    assert applied(subscriber) == [1, 2, 3]


def test_retries_after_a_fault_back_off_and_reset_on_recovery(
    subscribe: Subscribe, log: EventLog, source: Database, clock: ManualClock
) -> None:
    failing, tries = True, []

    def apply(batch: Sequence[Envelope], connection: Connection) -> None:
        tries.append(clock.us)
        if failing:
            raise OSError

    record(log, source, "A")
    subscription = subscribe(apply)
    for _ in range(6000):
        subscription.step()
        clock.advance(0.01)
    del tries[12:]

    waits_s = [(after - before) / 1e6 for before, after in itertools.pairwise(tries)]
    assert waits_s[0] <= 0.12
    assert waits_s[3] > waits_s[0]
    assert 0.5 <= waits_s[-1] <= 1.02

    failing = False
    clock.advance(10)
    assert subscription.step() == 1
    failing = True
    record(log, source, "B")
    subscription.deliver(Delivery([heartbeat(SOURCE, 2, 0)], from_log=True))
    tries.clear()
    for _ in range(50):
        subscription.step()
        clock.advance(0.01)
    assert tries[1] - tries[0] <= 120_000


deliveries = st.lists(
    st.lists(st.integers(0, 11), max_size=6) | st.just("heartbeat") | st.just("step"),
    max_size=30,
)


@given(deliveries=deliveries)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_delivery_in_any_order_takes_effect_once_and_in_order(
    source: Database, subscriber: Database, deliveries: list[list[int] | str]
) -> None:
    empty(source, "event_log")
    empty(subscriber, "subscription_cursors", "effects")
    log, clock = EventLog(source, SOURCE), ManualClock()
    subscription = Subscription(
        "listing", log, subscriber, apply_effects, holder="one", clock=clock
    )
    subscription.step()
    batch = record(log, source, "ABCDEFGHIJKL")
    for delivery in deliveries:
        if delivery == "heartbeat":
            subscription.deliver(Delivery([heartbeat(SOURCE, 12, 0)], from_log=True))
        elif delivery == "step":
            subscription.step()
        else:
            subscription.deliver(
                Delivery([batch[int(place)] for place in delivery], from_log=True)
            )
        assert applied(subscriber) == list(range(1, len(applied(subscriber)) + 1))

    subscription.deliver(Delivery([heartbeat(SOURCE, 12, 0)], from_log=True))
    until_idle(subscription)
    assert applied(subscriber) == list(range(1, 13))


def empty(database: Database, *tables: str) -> None:
    with database.writing() as connection:
        for table in tables:
            connection.exec_driver_sql(f"DELETE FROM {table}")


def test_nothing_is_applied_of_a_log_that_has_lost_its_tail(
    subscribe: Subscribe,
    log: EventLog,
    source: Database,
    subscriber: Database,
    clock: ManualClock,
) -> None:
    # Positions are given a second time: new events would count as duplicates.
    record(log, source, "ABC")
    until_idle(subscribe(apply_effects))
    with source.writing() as connection:
        connection.exec_driver_sql("DELETE FROM event_log WHERE position > 1")
    record(log, source, "D")

    restarted = subscribe(apply_effects)
    for _ in range(10):
        clock.advance(10)
        assert restarted.step() == 0
    assert applied(subscriber) == [1, 2, 3]
