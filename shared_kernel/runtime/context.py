"""What a bounded context says of itself, so that a process can be composed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

import attrs
from click import Group
from flask import Blueprint

from shared_kernel.buses.patterns import matcher
from shared_kernel.events.compaction import Dated
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
    """A database that nobody else opens: `variable` has its URL, by default `file`'s.

    `revisions` is the folder of its migrations. `log` is set for the one that has the
    context's event log: there commands write.
    """

    variable: str = attrs.field()
    file: str
    revisions: Path
    log: bool = attrs.field(default=False, kw_only=True)

    @variable.validator
    def _says_what_it_is(self, _: object, variable: str) -> None:
        if not variable.endswith(_URL):
            raise ValueError(f"{variable}: expected a name such as SHOP{_URL}")

    @property
    def name(self) -> str:
        return self.variable.removesuffix(_URL).lower()


@attrs.frozen(kw_only=True)
class Follows:
    """A subscription: to whose events, and what it understands of them.

    `reads` has classes of the reader's own, each with the fields that are read, and the
    subjects (or patterns of them) of the events that are read as such. A context that
    follows its own events has no relations.
    """

    subscription: str
    source: str
    pattern: str
    relations: Sequence[Relation] = ()
    reads: Mapping[type, Sequence[str]] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Need(Generic[P]):
    """A port that `service` answers, asked for while somebody waits for an answer.

    `over_http` asks it in another process. `reads` has classes with the fields that are
    read of its answers, and the routes that answer so.
    """

    service: str
    over_http: Callable[[Peer], P]
    relations: Sequence[Relation] = ()
    reads: Mapping[type, Sequence[str]] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Join(Generic[P]):
    """Who has `need` is answered by `offer`, made of what its service serves."""

    need: Need[P]
    offer: Callable[[Any], P]


@attrs.frozen(kw_only=True)
class DeclaredService(Generic[E]):
    """What one process can run by itself.

    `build` is given a ServiceBuilder and answers what the edges work with: routes
    (`api`), commands at the command line (`cli`), pages, and the ports it `offers`.
    `dated` is the rule for a compaction of its log (`events compact`).
    """

    name: str
    build: Callable[[Any], E]
    databases: Sequence[OwnDatabase]
    follows: Sequence[Follows] = ()
    needs: Sequence[Need[Any]] = ()
    offers: Sequence[Callable[[E], object]] = ()
    api: Callable[[E], Api]
    cli: Callable[[E, Workers], Group] | None = None
    pages: Sequence[Callable[[E], Blueprint]] = ()
    dated: Dated | None = None

    @property
    def has_log(self) -> bool:
        """Does it execute commands, and publish what they cause?"""
        return any(database.log for database in self.databases)


@attrs.frozen(kw_only=True)
class Context:
    """Declared in its `bootstrap.py`.

    `services` are those that it can run, each in any process. The variable `address`
    says where a service is asked that runs elsewhere: of those that are needed the
    first one, in this order. `settings` is a class of its own settings besides
    (`runtime.setting`). `published` has the class of each event by its subject;
    `accepts` are subjects of messages that others send. `reads_besides` is what is read
    of its own events outside any subscription. `joins` are those of its own services.
    """

    name: str
    address: str
    settings: type | None = None
    services: Sequence[DeclaredService[Any]]
    published: Mapping[str, type]
    accepts: Sequence[str] = ()
    reads_besides: Mapping[type, Sequence[str]] = attrs.field(factory=dict)
    joins: Sequence[Join[Any]] = ()

    @property
    def subjects(self) -> list[str]:
        """Patterns of all that it publishes or accepts on a bus."""
        kinds = {subject.partition(".")[0]: None for subject in self.published}
        return [*(f"{kind}.>" for kind in kinds), *self.accepts]

    @property
    def follows(self) -> list[Follows]:
        return [follows for each in self.services for follows in each.follows]

    @property
    def needs(self) -> list[Need[Any]]:
        return [need for each in self.services for need in each.needs]

    def reads(self) -> list[tuple[type, str, str]]:
        """Each class, the source of what is read as such, and a pattern of it."""
        read = [(self.name, self.reads_besides)]
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
    """The subjects of `source` that match."""
    matches = matcher(pattern)
    return [
        subject
        for context in contexts
        if context.name == source
        for subject in context.published
        if matches(subject)
    ]


def services_of(
    contexts: Sequence[Context],
) -> Iterator[tuple[Context, DeclaredService[Any]]]:
    """Every one with its context, as declared."""
    for context in contexts:
        for service in context.services:
            yield context, service


def owner_of(contexts: Sequence[Context], source: str) -> DeclaredService[Any]:
    """The service that has the log of `source`. Raises LookupError."""
    for context, service in services_of(contexts):
        if context.name == source and service.has_log:
            return service
    raise LookupError(f"no context {source!r} has a log: nobody can follow it")


def needed_by(contexts: Sequence[Context], here: Collection[str]) -> set[str]:
    """The services without which those named `here` cannot do their work."""
    needed = set()
    for _, service in services_of(contexts):
        if service.name in here:
            sources = {follows.source for follows in service.follows}
            needed |= {owner_of(contexts, source).name for source in sources}
            needed |= {need.service for need in service.needs}
    return needed
