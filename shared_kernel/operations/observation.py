"""The observable state of the running system (law 10): never a false zero.

Everything is read from the databases, so that every process reports the same. None
means unknown: the database or process that knows it does not answer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import attrs
from sqlalchemy.exc import SQLAlchemyError

from shared_kernel.buses.broker import BrokerState
from shared_kernel.clock import Clock, to_us
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.letter import DEAD, PARKED
from shared_kernel.events import dropped
from shared_kernel.events.continuity import compare
from shared_kernel.events.cursors import SKEW_US, Lease
from shared_kernel.events.errors import NotTheSameLogError
from shared_kernel.events.event_log import EventFeed, EventLog
from shared_kernel.events.subscription import Subscription
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.runtime.service import Service, WritingService
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import StorageError

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class SubscriptionState:
    """How far `name` has read the log of `source`, and which process has its lease.

    The lag in seconds is the age of the oldest event still to be applied, 0 if there is
    none, unknown if the clock was set back after that event. `elsewhere`: another
    process has that log. `refused` says why nothing more is applied of it, if the log
    is not the one that was read. `dropped` counts messages by reason
    (`shared_kernel.events.dropped`).
    """

    name: str
    source: str
    elsewhere: bool
    cursor: int | None
    lag_events: int | None
    lag_seconds: float | None
    dead: int | None
    parked: int | None
    lease: Lease | None
    refused: str | None
    dropped: Mapping[str, int] | None


@attrs.frozen(kw_only=True)
class LogState:
    """The log's head, and how far the log is known to be published.

    `oldest_unpublished_seconds` is 0 if everything has been published, and unknown if
    the clock was set back after the oldest unpublished event. `held_back`: this process
    does not publish, since a copy of the log is published on the same bus.
    """

    source: str
    head: int | None
    published: int | None
    unpublished: int | None
    oldest_unpublished_seconds: float | None
    held_back: bool


@attrs.frozen(kw_only=True)
class LettersState:
    """Dead letters of `name`, which is not a subscription, by `source`."""

    name: str
    source: str
    dead: int | None
    parked: int | None


@attrs.frozen(kw_only=True)
class QueueState:
    """Messages of queue `name`.

    The ages are since a message was added, 0 if there is none. `attempts` are the most
    that one of them has had, `dead` those that were given up, and `parked` those that
    wait behind one. `lists` are the lengths of its lists in the broker, if it has any.
    """

    name: str
    waiting: int | None
    in_flight: int | None
    oldest_seconds: float | None
    oldest_in_flight_seconds: float | None
    attempts: int | None
    dead: int | None
    parked: int | None
    paused: bool | None
    lists: Mapping[str, int] | None
    broker: BrokerState | None = None


@attrs.frozen(kw_only=True)
class ServiceState:
    """`log` is None where the service has none.

    `letters` are those of no subscription and no queue. `bus` is the broker as the
    process of the service sees it; None is unknown.
    """

    name: str
    log: LogState | None
    subscriptions: Sequence[SubscriptionState]
    queues: Sequence[QueueState]
    letters: Sequence[LettersState]
    bus: BrokerState | None = None


def observe(service: Service, clock: Clock) -> ServiceState:
    """The current state of `service`."""
    now_us = to_us(clock())
    return ServiceState(
        name=service.name,
        log=(
            _observe_log(service, now_us)
            if isinstance(service, WritingService)
            else None
        ),
        subscriptions=[
            _observe(subscription, now_us) for subscription in service.subscriptions
        ],
        queues=[observe_queue(each.queue, clock) for each in service.queues],
        letters=list(_other_letters(service)),
        bus=service.bus.broker(),
    )


def observe_queue(queue: SqlQueue, clock: Clock) -> QueueState:
    """The current state of `queue`; it may be consumed in other processes."""
    now_us = to_us(clock())
    depth = known(queue.depth)
    letters = known(partial(_letters, queue.database, queue.name, SOURCE))
    return QueueState(
        name=queue.name,
        waiting=None if depth is None else depth.waiting,
        in_flight=None if depth is None else depth.in_flight,
        oldest_seconds=(
            None if depth is None else _seconds_since(depth.oldest_us, now_us)
        ),
        oldest_in_flight_seconds=(
            None if depth is None else _seconds_since(depth.oldest_in_flight_us, now_us)
        ),
        attempts=None if depth is None else depth.attempts,
        dead=None if letters is None else letters[DEAD],
        parked=None if letters is None else _parked(queue, letters[DEAD]),
        paused=known(lambda: queue.paused_since_us() is not None),
        lists=queue.lists(),
        broker=queue.broker(),
    )


def _parked(queue: SqlQueue, dead: int) -> int | None:
    """Without dead letters none wait, and nobody needs to count."""
    return known(queue.parked) if dead else 0


def _seconds_since(moment_us: int | None, now_us: int) -> float:
    return 0.0 if moment_us is None else max(0, now_us - moment_us) / 1e6


def _other_letters(service: Service) -> Iterator[LettersState]:
    """Dead letters of plugged-in parts that are not subscriptions."""
    reported = {(each.name, each.source) for each in service.subscriptions}
    reported |= {(each.queue.name, SOURCE) for each in service.queues}
    for letters in service.dead_letters.values():
        for name, source in letters.subscriptions:
            if (name, source) not in reported:
                found = known(partial(_letters, letters.database, name, source))
                yield LettersState(
                    name=name,
                    source=source,
                    dead=None if found is None else found[DEAD],
                    parked=None if found is None else found[PARKED],
                )


def _observe_log(service: WritingService, now_us: int) -> LogState:
    published = known(service.relay.published)
    return LogState(
        source=service.log.source,
        head=known(service.log.head),
        published=published,
        unpublished=_behind(service.log, published),
        oldest_unpublished_seconds=_age_seconds(service.log, published, now_us),
        held_back=service.relay.held_back,
    )


def _observe(subscription: Subscription, now_us: int) -> SubscriptionState:
    cursor = known(subscription.cursor.saved)
    database, name = subscription.cursor.database, subscription.name
    source = subscription.source
    letters = known(lambda: _letters(database, name, source))
    return SubscriptionState(
        name=subscription.name,
        source=subscription.source,
        elsewhere=not isinstance(subscription.feed, EventLog),
        cursor=cursor,
        lag_events=_behind(subscription.feed, cursor),
        lag_seconds=_age_seconds(subscription.feed, cursor, now_us),
        dead=None if letters is None else letters[DEAD],
        parked=None if letters is None else letters[PARKED],
        lease=known(lambda: subscription.cursor.held(now_us)),
        refused=known(lambda: _refusal(subscription)),
        dropped=known(lambda: _dropped(database, name, source)),
    )


def _letters(database: Database, name: str, source: str) -> dict[str, int]:
    with database.reading() as connection:
        return dead_letters.counted(connection, name, source)


def _dropped(database: Database, name: str, source: str) -> dict[str, int]:
    with database.reading() as connection:
        return dropped.counted(connection, name, source)


def _refusal(subscription: Subscription) -> str | None:
    try:
        compare(subscription.cursor.saved_place(), subscription.feed)
    except NotTheSameLogError as error:
        return str(error)
    return None


def _behind(feed: EventFeed, position: int | None) -> int | None:
    if position is None:
        return None
    head = known(feed.head)
    # A log that ends before what was read of it has lost its tail: there is no lag.
    return None if head is None or head < position else head - position


def _age_seconds(feed: EventFeed, position: int | None, now_us: int) -> float | None:
    behind = _behind(feed, position)
    if position is None or not behind:
        return None if behind is None else 0.0
    following = known(lambda: feed.read(position, 1))
    if following is None:
        return None
    if not following:
        return 0.0
    age_us = now_us - following[0].time_us
    # Recorded in the future: the clock was set back at an unknown time.
    return None if age_us < -SKEW_US else max(0, age_us) / 1e6


def known(measure: Callable[[], T]) -> T | None:
    """None if the database does not answer, for any reason: locked, gone, broken.

    This includes permanent faults, such as a file that is not a database.
    """
    try:
        return measure()
    except (SQLAlchemyError, StorageError, OSError):
        return None
