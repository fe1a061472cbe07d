"""Operations over HTTP: alive, ready, measured, and the logs as feeds."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence

import attrs
import msgspec
from flask import Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared_kernel.adapters.bounded_context import BoundedContext
from shared_kernel.adapters.clock import Clock
from shared_kernel.adapters.observation import ContextState, observe
from shared_kernel.adapters.web.parameters import integer, read_query
from shared_kernel.adapters.web.problems import Problem, kind
from shared_kernel.adapters.web.routes import Api, Success
from shared_kernel.adapters.workers import Workers
from shared_kernel.events.cloud_events import BATCH_MEDIA_TYPE, to_batch

MOST_LAG_S = 10.0
"""A subscription that lags more makes the process not ready."""
LONG_POLLS = 16
"""Each holds a thread; those beyond this many answer at once."""
POLL_S = 0.1

UNKNOWN_SOURCE = kind(
    "unknown-source", 404, "There is no such log", "`detail` names those there are."
)

_PAGE = (
    integer("after", "The position behind which to begin.", 0, 2**63 - 1, default=0),
    integer("limit", "How many at the most.", 1, 1000, default=100),
    integer("wait", "Seconds to wait for an event if there is none.", 0, 30, default=0),
)
_EVENT = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "time", "position", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string"},
        "source": {"type": "string"},
        "type": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "position": {"type": "integer"},
        "data": {"type": "object"},
    },
}


@attrs.frozen(kw_only=True)
class Operations:
    """The running system as its operators see it.

    `stopping` is set when the process goes down, so that long polls end early.
    """

    contexts: Sequence[BoundedContext]
    workers: Workers
    clock: Clock
    stopping: threading.Event = attrs.field(factory=threading.Event)

    def states(self) -> list[ContextState]:
        return [observe(context, self.clock) for context in self.contexts]


def operations_api(operations: Operations) -> Api:
    sources = [context.name for context in operations.contexts]
    api = Api("operations", {"source": {"type": "string", "enum": sources}}, {})
    _add_health(api, operations)
    _add_feed(api, operations)
    return api


def _add_health(api: Api, operations: Operations) -> None:
    registry = CollectorRegistry()
    registry.register(_Metrics(operations))

    @api.route(
        "GET",
        "/healthz",
        summary="Is the process alive?",
        success=Success(description="It is.", schema={"type": "object"}),
    )
    def healthz() -> Response:
        read_query(())
        return Response(b'{"status":"alive"}', content_type="application/json")

    @api.route(
        "GET",
        "/readyz",
        summary="Is every part keeping up?",
        success=Success(
            description="All parts are within bounds.", schema={"type": "object"}
        ),
    )
    def readyz() -> Response:
        """Not ready (503), it says which part is behind, and by how much."""
        read_query(())
        states = operations.states()
        behind = list(_behind(states, operations.workers))
        document = {
            "status": "behind" if behind else "ready",
            "behind": behind,
            "contexts": [attrs.asdict(state) for state in states],
        }
        return Response(
            msgspec.json.encode(document),
            503 if behind else 200,
            content_type="application/json",
        )

    @api.route(
        "GET",
        "/metrics",
        summary="Measurements for Prometheus",
        success=Success(
            description="NaN where unknown.",
            schema={"type": "string"},
            media_type="text/plain",
        ),
    )
    def metrics() -> Response:
        read_query(())
        return Response(
            generate_latest(registry),
            content_type="text/plain; version=1.0.0; charset=utf-8",
        )


def _add_feed(api: Api, operations: Operations) -> None:
    logs = {context.name: context.log for context in operations.contexts}
    long_polls = threading.BoundedSemaphore(LONG_POLLS)

    @api.route(
        "GET",
        "/events/<source>",
        summary="Read a log as a feed",
        parameters=_PAGE,
        problems=(UNKNOWN_SOURCE,),
        success=Success(
            description="A batch of CloudEvents, in order.",
            schema={"type": "array", "items": _EVENT},
            media_type=BATCH_MEDIA_TYPE,
            headers={"Link": "Where to go on."},
        ),
    )
    def read_feed(source: str) -> Response:
        asked = read_query(_PAGE)
        log = logs.get(source)
        if log is None:
            raise Problem(UNKNOWN_SOURCE, f"{source!r} is none of {', '.join(logs)}")
        batch = log.read(asked["after"], asked["limit"])
        if not batch and asked["wait"] and long_polls.acquire(blocking=False):
            try:
                deadline = time.monotonic() + asked["wait"]
                while not batch and time.monotonic() < deadline:
                    if operations.stopping.wait(POLL_S):
                        break
                    batch = log.read(asked["after"], asked["limit"])
            finally:
                long_polls.release()
        after = batch[-1].position if batch else asked["after"]
        query = f"after={after}&limit={asked['limit']}&wait={asked['wait']}"
        return Response(
            to_batch(batch),
            headers={"Link": f'</events/{source}?{query}>; rel="next"'},
            content_type=BATCH_MEDIA_TYPE,
        )


def _behind(states: Iterable[ContextState], workers: Workers) -> Iterator[str]:
    if not workers.alive:
        yield "the workers of this process are not running"
    for state in states:
        unpublished = state.oldest_unpublished_seconds
        if unpublished is None:
            yield f"{state.name}: its database does not answer"
        elif unpublished > MOST_LAG_S:
            yield f"{state.name}: unpublished for {unpublished:.1f} s"
        for subscription in state.subscriptions:
            place = f"{subscription.name} of {subscription.source}"
            lag = subscription.lag_seconds
            if lag is None:
                yield f"{place}: lag unknown"
            elif lag > MOST_LAG_S:
                yield f"{place}: {subscription.lag_events} events, {lag:.1f} s behind"


@attrs.frozen(eq=False)
class _Metrics(Collector):
    """Measures when asked."""

    operations: Operations

    def collect(self) -> Iterator[Metric]:
        def gauge(name: str, text: str, labels: Sequence[str]) -> GaugeMetricFamily:
            family = GaugeMetricFamily(f"storehouse_{name}", text, labels=labels)
            families.append(family)
            return family

        families: list[Metric] = []
        of_context, of_subscription = ["context"], ["subscription", "source"]
        head = gauge("log_head_position", "Newest position of the log", of_context)
        unpublished = gauge("unpublished_events", "Not yet on the bus", of_context)
        oldest = gauge(
            "oldest_unpublished_age_seconds", "Age of the oldest of these", of_context
        )
        cursor = gauge("subscription_cursor", "Last applied position", of_subscription)
        lag = gauge("subscription_lag_events", "Still to be applied", of_subscription)
        lag_s = gauge(
            "subscription_lag_seconds", "Age of the oldest of these", of_subscription
        )
        letters = gauge("dead_letters", "Not applied", [*of_subscription, "state"])
        alive = gauge("workers_alive", "1 if the workers of this process run", [])
        alive.add_metric([], float(self.operations.workers.alive))
        for state in self.operations.states():
            head.add_metric([state.name], _number(state.head))
            unpublished.add_metric([state.name], _number(state.unpublished))
            oldest.add_metric([state.name], _number(state.oldest_unpublished_seconds))
            for subscription in state.subscriptions:
                labels = [subscription.name, subscription.source]
                cursor.add_metric(labels, _number(subscription.cursor))
                lag.add_metric(labels, _number(subscription.lag_events))
                lag_s.add_metric(labels, _number(subscription.lag_seconds))
                letters.add_metric([*labels, "dead"], _number(subscription.dead))
                letters.add_metric([*labels, "parked"], _number(subscription.parked))
        yield from families


def _number(measured: float | None) -> float:
    return float("nan") if measured is None else float(measured)
