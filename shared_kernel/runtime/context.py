"""The declaration of a bounded context, from which processes are composed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Generic, TypeVar

import attrs
from click import Group
from flask import Blueprint

from shared_kernel.buses.patterns import matcher
from shared_kernel.domain.foreign_names import RouteWords
from shared_kernel.events.compaction import Dated
from shared_kernel.events.versions import Successor, Versions
from shared_kernel.runtime.workers import Workers
from shared_kernel.web.peers import Peer
from shared_kernel.web.routes import Api

E = TypeVar("E")
P = TypeVar("P")

_URL = "_DATABASE_URL"


class Relation(StrEnum):
    """How one context depends on another (Evans, Domain-Driven Design, part IV)."""

    PARTNERSHIP = "partnership"
    SHARED_KERNEL = "shared kernel"
    CUSTOMER_SUPPLIER = "customer–supplier"
    CONFORMIST = "conformist"
    ANTI_CORRUPTION_LAYER = "anti-corruption layer"
    OPEN_HOST_SERVICE = "open host service"
    PUBLISHED_LANGUAGE = "published language"
    SEPARATE_WAYS = "separate ways"


@attrs.frozen
class OwnDatabase:
    """A database that only its owner opens.

    The environment variable `variable` has its URL; the default is the SQLite file
    `file`. `revisions` is the folder of its migrations. `log` is true for the database
    with the context's event log, to which commands write.
    """

    variable: str = attrs.field()
    file: str
    revisions: Path
    log: bool = attrs.field(default=False, kw_only=True)

    @variable.validator
    def _is_the_name_of_a_database_url(self, _: object, variable: str) -> None:
        if not variable.endswith(_URL):
            raise ValueError(f"{variable}: expected a name such as SHOP{_URL}")

    @property
    def name(self) -> str:
        return self.variable.removesuffix(_URL).lower()


@attrs.frozen(kw_only=True)
class Follows:
    """A subscription to the events of `source`, and the fields that it reads.

    `reads` maps the reader's own classes, which have just the fields that are read, to
    the subjects (or patterns) of the events that are decoded as that class. If a
    context follows its own events, `relations` is empty.
    """

    subscription: str
    source: str
    pattern: str
    relations: Sequence[Relation] = ()
    reads: Mapping[type, Sequence[str]] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Need(Generic[P]):
    """A port for synchronous queries, implemented by `service`.

    `over_http` makes the adapter for a service in another process. `reads` maps classes
    with the fields that are read of its responses to the routes that return them.
    """

    service: str
    over_http: Callable[[Peer], P]
    relations: Sequence[Relation] = ()
    reads: Mapping[type, Sequence[str]] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Join(Generic[P]):
    """Connects `need` to `offer`, which makes the port from the service's edges."""

    need: Need[P]
    offer: Callable[[Any], P]


@attrs.frozen(kw_only=True)
class DeclaredService(Generic[E]):
    """The smallest unit that a process can run alone.

    `build` gets a ServiceBuilder and returns the argument of the edges: of the routes
    (`api`), the command-line commands (`cli`), the pages, and the ports it `offers`.
    `queues` are the work queues in the database with its log.
    `dated` tells a compaction of its log (`events compact`) which changes stay datable.
    """

    name: str
    build: Callable[[Any], E]
    databases: Sequence[OwnDatabase]
    queues: Sequence[str] = ()
    follows: Sequence[Follows] = ()
    needs: Sequence[Need[Any]] = ()
    offers: Sequence[Callable[[E], object]] = ()
    api: Callable[[E], Api]
    cli: Callable[[E, Workers], Group] | None = None
    pages: Sequence[Callable[[E], Blueprint]] = ()
    dated: Dated | None = None

    @property
    def has_log(self) -> bool:
        """Whether it executes commands and publishes events."""
        return any(database.log for database in self.databases)


@attrs.frozen(kw_only=True)
class Context:
    """A bounded context, declared in its `bootstrap.py`.

    Each of the `services` can run in any process. The environment variable `address`
    has the URL of another process: the one with the first of the services, in this
    order, that is needed here and runs elsewhere; or, if none is needed, with the first
    that runs elsewhere. `settings` is a class with settings of its own
    (`runtime.setting`), if it has any. `published` has the class of each event by its
    subject; `accepts` has the class of each message from foreign programs.
    `successors` relate the versions of an event, each to the one before it.
    `route_words` stand behind foreign names in its routes, or beside them.
    `reads_outside_subscriptions` is like `Follows.reads`, for reads of its own log
    without a subscription. `joins` connect ports among its own services.
    """

    name: str
    address: str
    settings: type | None = None
    services: Sequence[DeclaredService[Any]]
    published: Mapping[str, type]
    successors: Sequence[Successor] = ()
    accepts: Mapping[str, type] = attrs.field(factory=dict)
    reads_outside_subscriptions: Mapping[type, Sequence[str]] = attrs.field(
        factory=dict
    )
    joins: Sequence[Join[Any]] = ()
    route_words: RouteWords = attrs.field(factory=RouteWords)

    @property
    def subjects(self) -> list[str]:
        """Patterns of all subjects that it publishes or accepts on a bus."""
        kinds = {subject.partition(".")[0]: None for subject in self.published}
        return [*(f"{kind}.>" for kind in kinds), *self.accepts]

    @property
    def follows(self) -> list[Follows]:
        return [follows for each in self.services for follows in each.follows]

    @property
    def needs(self) -> list[Need[Any]]:
        return [need for each in self.services for need in each.needs]

    def reads(self) -> list[tuple[type, str, str]]:
        """Triples of a reader's class, its source, and a subject or pattern."""
        read = [(self.name, self.reads_outside_subscriptions)]
        read += [(each.source, each.reads) for each in self.follows]
        return [
            (kind, source, pattern)
            for source, kinds in read
            for kind, patterns in kinds.items()
            for pattern in patterns
        ]

    def patterns_read(self) -> dict[type, list[str]]:
        found: dict[type, list[str]] = {}
        for kind, _, pattern in self.reads():
            found.setdefault(kind, []).append(pattern)
        return found


def published_as(contexts: Sequence[Context], source: str, pattern: str) -> list[str]:
    """The published subjects of `source` that match `pattern`."""
    matches = matcher(pattern)
    return [
        subject
        for context in contexts
        if context.name == source
        for subject in context.published
        if matches(subject)
    ]


def route_words_of(contexts: Sequence[Context]) -> RouteWords:
    """The words of all routes that a new name of any context must not have."""
    return reduce(or_, (context.route_words for context in contexts), RouteWords())


def versions_of(contexts: Sequence[Context]) -> Versions:
    """The versions of all published events. Raises BrokenChainError."""
    return Versions(
        [each for context in contexts for each in context.successors],
        {subject for context in contexts for subject in context.published},
    )


def services_of(
    contexts: Sequence[Context],
) -> Iterator[tuple[Context, DeclaredService[Any]]]:
    """All services, each with its context, in the declared order."""
    for context in contexts:
        for service in context.services:
            yield context, service


def owner_of(contexts: Sequence[Context], source: str) -> DeclaredService[Any]:
    """The service that has the log of `source`. Raises LookupError."""
    for context, service in services_of(contexts):
        if context.name == source and service.has_log:
            return service
    raise LookupError(f"no context {source!r} has a log that can be followed")


def needed_by(contexts: Sequence[Context], here: Collection[str]) -> set[str]:
    """The services that those named `here` follow or have ports to."""
    needed = set()
    for _, service in services_of(contexts):
        if service.name in here:
            sources = {follows.source for follows in service.follows}
            needed |= {owner_of(contexts, source).name for source in sources}
            needed |= {need.service for need in service.needs}
    return needed
