"""Metrics for Prometheus, collected at each scrape. Unknown is NaN, never zero.

Names and units as in https://prometheus.io/docs/practices/naming/. Imported at the
first scrape: a start need not wait for the client library.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import attrs
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from shared_kernel.events.cursors import Lease
from shared_kernel.events.dropped import HINTS
from shared_kernel.events.subscription import Counts, Subscription
from shared_kernel.operations.brokers import BUS, brokers_of
from shared_kernel.operations.observation import (
    LogState,
    QueueState,
    ServiceState,
    SubscriptionState,
)
from shared_kernel.operations.observed_causes import ObservedCause
from shared_kernel.queues.sql import SqlQueue

MEDIA_TYPE = CONTENT_TYPE_LATEST

_OF_LOG: tuple[tuple[str, str, Callable[[LogState], float | None]], ...] = (
    ("log_head_position", "Newest position of the log", lambda of: of.head),
    ("published_position", "Handed to the bus up to here", lambda of: of.published),
    ("unpublished_events", "Not known to be on the bus", lambda of: of.unpublished),
    (
        "oldest_unpublished_age_seconds",
        "Age of the oldest event not known to be on the bus",
        lambda of: of.oldest_unpublished_seconds,
    ),
)
_OF_SUBSCRIPTION: tuple[
    tuple[str, str, Callable[[SubscriptionState], float | None]], ...
] = (
    ("subscription_cursor", "Last applied position", lambda of: of.cursor),
    ("subscription_lag_events", "Still to be applied", lambda of: of.lag_events),
    (
        "subscription_lag_seconds",
        "Age of the oldest event still to be applied",
        lambda of: of.lag_seconds,
    ),
    (
        "subscription_worked",
        "1 if some process holds the lease",
        lambda of: _is_alive(of.lease),
    ),
)
_COUNTED: tuple[tuple[str, str, Callable[[Counts], int]], ...] = (
    (
        "subscription_gaps_healed",
        "Places at which this process read the log for what the bus had lost",
        lambda of: of.gaps_healed,
    ),
    (
        "subscription_duplicates_dropped",
        "Events that the bus brought to this process again",
        lambda of: of.duplicates_dropped,
    ),
)
_OF_QUEUE: tuple[tuple[str, str, Callable[[QueueState], float | None]], ...] = (
    ("queue_waiting", "Messages that wait", lambda of: of.waiting),
    ("queue_in_flight", "Messages that a consumer holds", lambda of: of.in_flight),
    (
        "queue_oldest_age_seconds",
        "Since the oldest message was added",
        lambda of: of.oldest_seconds,
    ),
    (
        "queue_oldest_in_flight_age_seconds",
        "Since the oldest one that a consumer holds was added",
        lambda of: of.oldest_in_flight_seconds,
    ),
    ("queue_attempts", "The most that a message has had", lambda of: of.attempts),
    ("queue_dead", "Messages given up", lambda of: of.dead),
    ("queue_parked", "Messages that wait behind one", lambda of: of.parked),
    ("queue_paused", "1 if nobody may fetch", lambda of: of.paused),
)
_LABELS = ("subscription", "source")


def scrape(
    states: Sequence[ServiceState],
    here: Sequence[Subscription],
    queues: Sequence[SqlQueue],
    causes: Sequence[ObservedCause],
    workers_alive: bool,
) -> bytes:
    """The metrics of `states`, with this process's counts of `here` and `queues`.

    `causes` are those of their dead letters.

    Their media type is MEDIA_TYPE.
    """
    registry = CollectorRegistry()
    registry.register(_States(states, here, queues, causes, workers_alive))
    return generate_latest(registry)


@attrs.frozen(eq=False)
class _States(Collector):
    states: Sequence[ServiceState]
    here: Sequence[Subscription]
    queues: Sequence[SqlQueue]
    causes: Sequence[ObservedCause]
    workers_alive: bool

    def collect(self) -> Iterator[Metric]:
        states = self.states
        logs = [service.log for service in states if service.log is not None]
        subscriptions = [
            ((each.name, each.source), each)
            for service in states
            for each in service.subscriptions
        ]
        for name, text, of_log in _OF_LOG:
            gauge = _gauge(name, text, ("source",))
            for log in logs:
                gauge.add_metric([log.source], _number(of_log(log)))
            yield gauge
        for name, text, of_subscription in _OF_SUBSCRIPTION:
            gauge = _gauge(name, text, _LABELS)
            for labels, each in subscriptions:
                gauge.add_metric(labels, _number(of_subscription(each)))
            yield gauge
        for name, text, counted in _COUNTED:
            counter = CounterMetricFamily(f"storehouse_{name}", text, labels=_LABELS)
            for here in self.here:
                counter.add_metric((here.name, here.source), counted(here.counts))
            yield counter
        letters = _gauge("dead_letters", "Events not applied", (*_LABELS, "state"))
        for labels, each in subscriptions:
            letters.add_metric((*labels, "dead"), _number(each.dead))
            letters.add_metric((*labels, "parked"), _number(each.parked))
        for service in states:
            for other in service.letters:
                of = (other.name, other.source)
                letters.add_metric((*of, "dead"), _number(other.dead))
                letters.add_metric((*of, "parked"), _number(other.parked))
        yield letters
        yield from _of_brokers(states)
        yield _by_cause(self.causes)
        yield _dropped(subscriptions)
        yield from self._of_queues(states)
        held_back = _gauge(
            "relay_held_back", "1 if a copy of the log is published here", ("source",)
        )
        for log in logs:
            held_back.add_metric([log.source], float(log.held_back))
        yield held_back
        alive = _gauge("workers_alive", "1 if the workers of this process run", ())
        alive.add_metric((), float(self.workers_alive))
        yield alive

    def _of_queues(self, states: Sequence[ServiceState]) -> Iterator[Metric]:
        queues = [each for service in states for each in service.queues]
        for name, text, of_queue in _OF_QUEUE:
            gauge = _gauge(name, text, ("queue",))
            for each in queues:
                gauge.add_metric([each.name], _number(of_queue(each)))
            yield gauge
        lists = _gauge("queue_list_entries", "In a broker", ("queue", "list"))
        for each in queues:
            lengths = {"ready": None} if each.lists is None else each.lists
            for name, length in lengths.items():
                lists.add_metric([each.name, name], _number(length))
        yield lists
        counter = CounterMetricFamily(
            "storehouse_queue_messages",
            "Messages that this process settled; lost: after it had lost its lease",
            labels=("queue", "outcome"),
        )
        for queue in self.queues:
            for outcome, count in attrs.asdict(queue.counts).items():
                counter.add_metric([queue.name, outcome], count)
        yield counter


def _by_cause(causes: Sequence[ObservedCause]) -> Metric:
    gauge = _gauge(
        "dead_letters_by_cause",
        "Events and messages given up, by what failed and where",
        ("subscription", "cause", "error_type", "place"),
    )
    for each in causes:
        labels = (each.subscription, each.cause, each.error_type, each.place)
        gauge.add_metric(labels, _number(each.letters))
    return gauge


def _of_brokers(states: Sequence[ServiceState]) -> Iterator[Metric]:
    labels = ("use", "kind", "address")
    reachable = _gauge("broker_reachable", "1 if it answers this process now", labels)
    since = _gauge(
        "broker_reachable_since_timestamp_seconds",
        "Since when it has been reachable, or not",
        labels,
    )
    too_large = CounterMetricFamily(
        "storehouse_bus_events_too_large",
        "Events of this process that are too large for the broker: read from the log",
        labels=labels[1:],
    )
    # A scrape must not have a sample twice.
    brokers = {(use, each.kind, each.address): each for use, each in brokers_of(states)}
    for of, broker in brokers.items():
        reachable.add_metric(of, _number(broker.reachable))
        moment = broker.since
        since.add_metric(of, _number(moment.timestamp() if moment else None))
        if of[0] == BUS:
            too_large.add_metric(of[1:], broker.too_large)
    yield reachable
    yield since
    yield too_large


def _dropped(
    subscriptions: Sequence[tuple[tuple[str, str], SubscriptionState]],
) -> Metric:
    counter = CounterMetricFamily(
        "storehouse_subscription_messages_dropped",
        "Messages on the bus that are not of the log",
        labels=(*_LABELS, "reason"),
    )
    for labels, each in subscriptions:
        for reason in HINTS:
            count = each.dropped[reason] if each.dropped else None
            counter.add_metric((*labels, reason), _number(count))
    return counter


def _gauge(name: str, text: str, labels: Sequence[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"storehouse_{name}", text, labels=labels)


def _is_alive(lease: Lease | None) -> float | None:
    return None if lease is None else float(lease.alive)


def _number(measured: float | None) -> float:
    return math.nan if measured is None else float(measured)
