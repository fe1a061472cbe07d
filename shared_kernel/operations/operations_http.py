"""Operations over HTTP: health, status, metrics, dead letters, the logs as feeds."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs
import msgspec
from flask import Response

from shared_kernel.clock import Clock
from shared_kernel.doors.scopes import ALL, OPERATOR
from shared_kernel.events.consistency import Progress
from shared_kernel.events.dropped import COPY, HINTS
from shared_kernel.events.versions import Versions
from shared_kernel.operations.brokers import BROKER_SCHEMA, away
from shared_kernel.operations.dead_letters_http import LETTER, add_dead_letters
from shared_kernel.operations.letter_names import by_database
from shared_kernel.operations.letter_warnings import warnings_of
from shared_kernel.operations.letters_of_the_shop import LettersOfTheShop
from shared_kernel.operations.observation import ServiceState, observe
from shared_kernel.operations.observed_causes import observe_causes
from shared_kernel.operations.other_processes import OtherProcesses
from shared_kernel.operations.readers import add_readers
from shared_kernel.operations.rehearsal_http import add_rehearsals
from shared_kernel.operations.repair_http import add_repairs
from shared_kernel.operations.repairs_http import add_repairs_made
from shared_kernel.operations.status import add_status
from shared_kernel.operations.writability import Writability
from shared_kernel.runtime.service import Service, WritingService
from shared_kernel.runtime.workers import Workers
from shared_kernel.web.feed_http import ServedLog, add_feeds
from shared_kernel.web.identity_http import add_identities
from shared_kernel.web.parameters import read_query
from shared_kernel.web.problems import RETRY_AFTER_S, Problem, kind
from shared_kernel.web.routes import Api, Success

MOST_LAG_S = 10.0
"""A subscription with more lag makes the process not ready."""

READY_SCHEMA = {
    "type": "object",
    "required": ["status", "behind", "warnings", "services"],
    "properties": {
        "status": {"const": "ready"},
        "behind": {"type": "array", "items": {"type": "string"}},
        "warnings": {"type": "array", "items": {"type": "string"}},
        "services": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "bus": BROKER_SCHEMA,
                    "queues": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "name": {"type": "string"},
                                "broker": BROKER_SCHEMA,
                            },
                        },
                    },
                },
            },
        },
    },
}

SINCE_UNKNOWN = "for an unknown time: the clock was set back"

NOT_READY = kind(
    "not-ready",
    503,
    "Not every part keeps up",
    "`behind` says which part is behind and by how much, or cannot be written to; "
    "`services` has each part.",
)


@attrs.frozen(kw_only=True)
class Operations:
    """The running system as its operators see it.

    `consumes_queues`: its queues have to be consumed in this process.
    If the bus is `between_processes`, the process keeps working while the bus is down:
    unpublished events are then measured, but do not make the process unready.
    `others` are the processes with what does not run here. More than
    `dead_letters_allowed` of a subscription or queue are warned of.
    `peer_token` is the secret that peers show to get keys. `stopping` is set when the
    process stops, so that long polls end early; `long_polls` is how many there may be
    at a time.
    """

    services: Sequence[Service]
    workers: Workers
    clock: Clock
    progress: Progress = attrs.field(factory=Progress)
    consistency_timeout_ms: int = 2000
    between_processes: bool = False
    consumes_queues: bool = False
    stopping: threading.Event = attrs.field(factory=threading.Event)
    long_polls: int = 16
    versions: Versions = attrs.field(factory=Versions)
    others: OtherProcesses = attrs.field(factory=OtherProcesses)
    dead_letters_allowed: int = 0
    peer_token: str | None = attrs.field(default=None, repr=False)

    @property
    def writing(self) -> list[WritingService]:
        """The services that have a log."""
        return [each for each in self.services if isinstance(each, WritingService)]

    def states(self) -> list[ServiceState]:
        return [observe(service, self.clock) for service in self.services]


def operations_api(operations: Operations) -> Api:
    sources = [service.log.source for service in operations.writing]
    source = {"type": "string"} | ({"enum": sources} if sources else {})
    api = Api(
        "operations",
        {"source": source, "letter": LETTER},
        {},
        scope=OPERATOR,
        about="How this process is, the logs that others follow, and what failed.",
    )
    _add_health(api, operations)
    add_status(api, operations.states, operations.others)
    _add_metrics(api, operations)
    letters = LettersOfTheShop(by_database(operations.services), operations.others)
    add_dead_letters(api, letters)
    add_rehearsals(api, letters)
    add_repairs(api, letters)
    add_repairs_made(api, letters)
    add_readers(api, operations.services)
    logs = [
        ServedLog(
            log=service.log,
            followed=service.followed,
            ends={each.source: each.feed.head for each in service.subscriptions},
            progress=operations.progress,
        )
        for service in operations.writing
    ]
    add_feeds(
        api,
        logs,
        operations.stopping,
        operations.long_polls,
        operations.consistency_timeout_ms,
        operations.versions,
    )
    add_identities(api, logs, operations.peer_token)
    return api


def _add_health(api: Api, operations: Operations) -> None:
    named = [service.name for service in operations.services]
    alive = msgspec.json.encode(
        {
            "status": "alive",
            "services": named,
            "peers": operations.others.addresses,
        }
    )
    writable = {
        service.name: Writability(service.log.database)
        for service in operations.writing
    }

    @api.route(
        "GET",
        "/healthz",
        summary="Is the process alive?",
        scope=ALL,
        success=Success(
            description="It is, and runs these services; `peers` has the addresses of "
            "others.",
            schema={"type": "object"},
        ),
    )
    def healthz() -> Response:
        """Asks no database and no bus: an answer shows only that the process runs."""
        read_query(())
        return Response(alive, content_type="application/json")

    @api.route(
        "GET",
        "/readyz",
        summary="Is every part keeping up?",
        problems=(NOT_READY,),
        success=Success(
            description="All parts are within bounds.", schema=READY_SCHEMA
        ),
    )
    def readyz() -> Response:
        """If not ready (503), it says which part is behind, and by how much.

        Or which part cannot store what commands write, for example on a full disk.
        `warnings` do not make it unready: more dead letters than are allowed, and a
        broker that cannot be reached, as everything works without it. Each service
        names the broker of its bus, and of each of its queues.
        """
        read_query(())
        states = operations.states()
        services = [attrs.asdict(state) for state in states]
        behind = [*_behind(states, operations), *_unwritable(states, writable)]
        warnings = [
            *warnings_of(states, operations.dead_letters_allowed),
            *away(states),
        ]
        if behind:
            raise Problem(
                NOT_READY,
                "; ".join(behind),
                headers={"Retry-After": RETRY_AFTER_S},
                behind=behind,
                warnings=warnings,
                services=services,
            )
        document = {
            "status": "ready",
            "behind": [],
            "warnings": warnings,
            "services": services,
        }
        return Response(msgspec.json.encode(document), content_type="application/json")


def _add_metrics(api: Api, operations: Operations) -> None:
    here = [each for service in operations.services for each in service.subscriptions]
    queues = [each.queue for service in operations.services for each in service.queues]

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
        """In Prometheus' text format, of all services of this process."""
        from shared_kernel.operations.metrics import (  # noqa: PLC0415 - see there
            MEDIA_TYPE,
            scrape,
        )

        read_query(())
        causes = list(observe_causes(operations.services))
        alive = operations.workers.alive
        body = scrape(operations.states(), here, queues, causes, alive)
        return Response(body, content_type=MEDIA_TYPE)


def _unwritable(
    states: Iterable[ServiceState], writable: Mapping[str, Writability]
) -> Iterator[str]:
    for state in states:
        # A database that cannot even be read is reported already.
        if state.log is None or state.log.head is None:
            continue
        refusal = writable[state.name].refusal()
        if refusal is not None:
            yield f"{state.name}: its database cannot be written to: {refusal}"


def _behind(states: Iterable[ServiceState], operations: Operations) -> Iterator[str]:
    if not operations.workers.alive:
        yield "the workers of this process are not running"
    for service in operations.services:
        for consumed in service.queues:
            if operations.consumes_queues and not consumed.queue.is_consumed:
                yield f"{consumed.queue.name}: its worker is not running"
    for state in states:
        if state.log is not None:
            unpublished = state.log.oldest_unpublished_seconds
            if unpublished is None and state.log.unpublished is not None:
                yield f"{state.name}: unpublished {SINCE_UNKNOWN}"
            elif unpublished is None:
                yield f"{state.name}: its database does not answer"
            elif unpublished > MOST_LAG_S and not operations.between_processes:
                yield f"{state.name}: unpublished for {unpublished:.1f} s"
            if state.log.held_back:
                yield f"{state.name}: does not publish: {HINTS[COPY]}"
        for queue in state.queues:
            if queue.waiting is None:
                yield f"{queue.name}: depth unknown"
        for subscription in state.subscriptions:
            place = f"{subscription.name} of {subscription.source}"
            if subscription.refused:
                yield f"{place}: {subscription.refused}"
                continue
            lag = subscription.lag_seconds
            events = subscription.lag_events
            if lag is None and events is not None:
                yield f"{place}: {events} events behind {SINCE_UNKNOWN}"
            elif lag is None:
                # Parts that do not depend on an unreachable process still work.
                if subscription.elsewhere and subscription.cursor is not None:
                    continue
                yield f"{place}: lag unknown"
            elif lag > MOST_LAG_S:
                yield f"{place}: {events} events, {lag:.1f} s behind"
