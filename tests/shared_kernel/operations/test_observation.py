"""Law 10: every fault shows, and an unknown value is never shown as zero."""

from shared_kernel.events.cursors import Lease
from shared_kernel.operations.observation import (
    LogState,
    SubscriptionState,
    observe,
)
from tests.databases import Databases
from tests.shared_kernel.operations.shop import HOLDER, Shop, a_shop


def state_of(shop: Shop) -> LogState:
    log = observe(shop.service, shop.clock).log
    assert log is not None
    return log


def reading_of(shop: Shop) -> SubscriptionState:
    (subscription,) = observe(shop.service, shop.clock).subscriptions
    return subscription


def test_an_empty_log_has_nothing_unpublished_and_nothing_to_read(shop: Shop) -> None:
    state, reading = state_of(shop), reading_of(shop)

    assert (state.head, state.published, state.unpublished) == (0, 0, 0)
    assert state.oldest_unpublished_seconds == 0.0
    assert (reading.cursor, reading.lag_events, reading.lag_seconds) == (0, 0, 0.0)
    assert (reading.dead, reading.parked) == (0, 0)


def test_the_age_is_that_of_the_oldest_unpublished_event(shop: Shop) -> None:
    shop.record("LAMP-0001")
    shop.clock.advance(30)
    shop.record("LAMP-0002")
    shop.clock.advance(12)

    state = state_of(shop)

    assert (state.head, state.published, state.unpublished) == (2, 0, 2)
    assert state.oldest_unpublished_seconds == 42.0


def test_without_unpublished_events_the_age_is_zero(shop: Shop) -> None:
    shop.record("LAMP-0001")
    shop.clock.advance(30)
    shop.publish()

    state = state_of(shop)

    assert (state.published, state.unpublished) == (1, 0)
    assert state.oldest_unpublished_seconds == 0.0


def test_lag_is_that_of_the_oldest_event_not_yet_applied(shop: Shop) -> None:
    shop.record("LAMP-0001")
    shop.read()
    shop.clock.advance(5)
    shop.record("LAMP-0002", "LAMP-0003")
    shop.clock.advance(7)

    reading = reading_of(shop)

    assert (reading.cursor, reading.lag_events, reading.lag_seconds) == (1, 2, 7.0)


def test_ages_are_unknown_when_the_clock_was_set_back(shop: Shop) -> None:
    shop.record("LAMP-0001")
    shop.clock.advance(-3600)

    state, reading = state_of(shop), reading_of(shop)

    assert (state.unpublished, state.oldest_unpublished_seconds) == (1, None)
    assert (reading.lag_events, reading.lag_seconds) == (1, None)


def test_clocks_may_differ_by_a_second(shop: Shop) -> None:
    shop.record("LAMP-0001")
    shop.clock.advance(-1)

    assert state_of(shop).oldest_unpublished_seconds == 0.0


def test_dead_letters_are_counted_apart_from_parked_ones(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0002", "LAMP-0001")

    reading = reading_of(shop)

    assert (reading.dead, reading.parked) == (1, 2)
    assert (reading.cursor, reading.lag_events) == (4, 0)


def test_a_subscription_has_no_lease_before_the_first_step(shop: Shop) -> None:
    assert reading_of(shop).lease == Lease(None, alive=False)


def test_the_owner_of_a_lease_is_named(shop: Shop) -> None:
    shop.read()

    assert reading_of(shop).lease == Lease(HOLDER, alive=True)


def test_the_lease_of_a_crashed_process_is_not_alive(shop: Shop) -> None:
    shop.read()
    shop.clock.advance(60)

    assert reading_of(shop).lease == Lease(HOLDER, alive=False)


def test_a_released_lease_has_no_owner(shop: Shop) -> None:
    shop.read()
    shop.subscription.stop()

    assert reading_of(shop).lease == Lease(None, alive=False)


def test_another_process_sees_the_same(shop: Shop, databases: Databases) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0002")
    shop.publish()
    shop.record("LAMP-0003")

    with a_shop(databases, holder="elsewhere:2") as other:
        assert state_of(other) == state_of(shop)


def test_a_broken_log_is_unknown_and_not_zero(shop: Shop) -> None:
    shop.record("LAMP-0001")
    shop.read()
    shop.destroy(shop.source)

    state, reading = state_of(shop), reading_of(shop)

    assert (state.head, state.published, state.unpublished) == (None, None, None)
    assert state.oldest_unpublished_seconds is None
    assert reading.cursor == 1
    assert (reading.lag_events, reading.lag_seconds) == (None, None)
    assert reading.dead == 0


def test_the_lag_behind_a_log_that_has_lost_its_tail_is_unknown(shop: Shop) -> None:
    shop.record("LAMP-0001", "LAMP-0002")
    shop.read()
    with shop.source.writing() as connection:
        connection.exec_driver_sql("DELETE FROM event_log WHERE position > 1")

    reading = reading_of(shop)

    assert (reading.cursor, reading.lag_events, reading.lag_seconds) == (2, None, None)


def test_a_broken_read_model_is_unknown_and_the_log_still_known(shop: Shop) -> None:
    shop.record("LAMP-0001")
    shop.read()
    shop.destroy(shop.reader)

    state, reading = state_of(shop), reading_of(shop)

    assert state.head == 1
    assert (reading.cursor, reading.lag_events, reading.lag_seconds) == (None,) * 3
    assert (reading.dead, reading.parked, reading.lease) == (None, None, None)
