"""Law 3: of several replicas one is active, and nothing happens twice."""

from collections.abc import Callable

import pytest

from shared_kernel.clock import Moment
from shared_kernel.events.cursors import (
    LEASE_US,
    Cursor,
    CursorMovedError,
    Place,
    overtake,
)
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import is_fault
from tests.shared_kernel.events.builders import SOURCE, ManualClock

Replicas = Callable[[str], Cursor]
HOUR_US = 3_600_000_000


@pytest.fixture
def replica(subscriber: Database) -> Replicas:
    return lambda holder: Cursor(subscriber, "listing", SOURCE, holder)


def move(database: Database, cursor: Cursor, to: int, clock: ManualClock) -> None:
    with database.writing() as connection:
        cursor.move(connection, Place(to), clock.us)
    cursor.moved(Place(to), clock.moment)


def test_a_cursor_begins_before_the_first_entry(
    replica: Replicas, clock: ManualClock
) -> None:
    cursor = replica("one")

    assert cursor.saved() == 0
    assert cursor.lease(clock.moment)
    assert cursor.position == 0


def test_a_cursor_is_where_it_was_moved_to(
    replica: Replicas, subscriber: Database, clock: ManualClock
) -> None:
    cursor = replica("one")
    cursor.lease(clock.moment)
    move(subscriber, cursor, 7, clock)
    cursor.release()

    another = replica("two")
    another.lease(clock.moment)

    assert another.position == another.saved() == 7


def test_only_one_replica_holds_the_lease(
    replica: Replicas, clock: ManualClock
) -> None:
    assert replica("one").lease(clock.moment)
    assert not replica("two").lease(clock.moment)


def test_a_working_replica_keeps_the_lease(
    replica: Replicas, subscriber: Database, clock: ManualClock
) -> None:
    one, two = replica("one"), replica("two")
    for position in range(1, 12):
        assert one.lease(clock.moment)
        move(subscriber, one, position, clock)
        assert not two.lease(clock.moment)
        clock.advance(1)


def test_an_idle_replica_keeps_the_lease(replica: Replicas, clock: ManualClock) -> None:
    one, two = replica("one"), replica("two")
    for _ in range(60):
        assert one.lease(clock.moment)
        assert not two.lease(clock.moment)
        clock.advance(0.2)


def test_a_crashed_replica_loses_the_lease_within_seconds(
    replica: Replicas, clock: ManualClock
) -> None:
    replica("dead").lease(clock.moment)
    standby = replica("standby")
    died_us = clock.us
    while not standby.lease(clock.moment) and clock.us < died_us + 60_000_000:
        clock.advance(0.1)

    assert LEASE_US <= clock.us - died_us <= 5_000_000


def test_a_lease_that_ended_by_our_clock_alone_is_respected(
    replica: Replicas, clock: ManualClock
) -> None:
    ahead, one = replica("ahead"), replica("one")
    for passed_us in range(0, 60_000_000, 200_000):
        wall_us = clock.us + passed_us
        assert one.lease(Moment(wall_us, passed_us))
        assert not ahead.lease(Moment(wall_us + HOUR_US, passed_us))


def test_a_late_commit_of_the_owner_restarts_the_wait_for_its_lease(
    replica: Replicas, subscriber: Database, clock: ManualClock
) -> None:
    one, two = replica("one"), replica("two")
    one.lease(clock.moment)
    assert not two.lease(clock.moment)
    with subscriber.writing() as connection:
        one.move(connection, Place(1), clock.us + 1)
    clock.advance(600)

    assert not two.lease(clock.moment)
    clock.advance(2)
    assert not two.lease(clock.moment)
    assert clock.watch(two)


def test_a_lease_taken_before_the_clock_was_set_back_is_lost_within_seconds(
    replica: Replicas, clock: ManualClock
) -> None:
    replica("dead").lease(clock.moment)
    restarted, set_back_us = replica("restarted"), clock.us - HOUR_US

    def tries_after(passed_us: int) -> bool:
        return restarted.lease(Moment(set_back_us + passed_us, passed_us))

    assert not any(tries_after(us) for us in range(0, LEASE_US, 100_000))
    assert any(tries_after(us) for us in range(LEASE_US, 5_000_000, 100_000))


def test_a_working_replica_keeps_the_lease_when_the_clock_is_set_back(
    replica: Replicas, clock: ManualClock
) -> None:
    one, two = replica("one"), replica("two")
    for passed_us in range(0, 60_000_000, 200_000):
        behind_us = HOUR_US if passed_us > 10_000_000 else 0
        wall_us = clock.us + passed_us - behind_us
        assert one.lease(Moment(wall_us, passed_us))
        assert not two.lease(Moment(wall_us, 7 * HOUR_US + passed_us))


def test_a_lease_from_before_the_clock_was_set_back_is_not_alive(
    replica: Replicas, clock: ManualClock
) -> None:
    one = replica("one")
    one.lease(clock.moment)

    assert one.held(clock.us).alive
    assert one.held(clock.us - 500_000).alive
    assert not one.held(clock.us - HOUR_US).alive


def test_a_released_lease_is_free_at_once(
    replica: Replicas, clock: ManualClock
) -> None:
    one = replica("one")
    one.lease(clock.moment)
    one.release()

    assert replica("two").lease(clock.moment)


def test_releasing_does_not_affect_another_owner(
    replica: Replicas, clock: ManualClock
) -> None:
    one, two = replica("one"), replica("two")
    one.lease(clock.moment)
    assert clock.watch(two)

    one.release()

    assert not replica("three").lease(clock.moment)


def test_a_replica_that_was_overtaken_cannot_move_the_cursor(
    replica: Replicas, subscriber: Database, clock: ManualClock
) -> None:
    """As after a suspension: the lease only saves work, the cursor is the guard."""
    slow, quick = replica("slow"), replica("quick")
    slow.lease(clock.moment)
    assert clock.watch(quick)
    move(subscriber, quick, 1, clock)

    with (
        pytest.raises(CursorMovedError) as raised,
        subscriber.writing() as connection,
    ):
        slow.move(connection, Place(1), clock.us)

    assert is_fault(raised.value)
    assert not slow.lease(clock.moment)
    assert slow.position == 1


def test_overtaking_moves_forwards_only(
    replica: Replicas, subscriber: Database, clock: ManualClock
) -> None:
    with subscriber.writing() as connection:
        assert overtake(connection, "listing", SOURCE, Place(5))
        assert overtake(connection, "listing", SOURCE, Place(9))
        assert not overtake(connection, "listing", SOURCE, Place(8))

    assert replica("one").saved() == 9
