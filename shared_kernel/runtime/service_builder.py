"""Gives a context's `build` function its building blocks, and builds the service."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from click import Group
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Deliver, Leave
from shared_kernel.clock import Clock
from shared_kernel.domain.foreign_names import RouteWords
from shared_kernel.events.consistency import Through, followed_through
from shared_kernel.events.event_log import EventFeed, EventLog
from shared_kernel.events.subscription import Apply, Subscription
from shared_kernel.events.unit_of_work import SqlUnitOfWork
from shared_kernel.events.versions import NewestFeed
from shared_kernel.events.writer import Writer
from shared_kernel.migrations.migrate import Schema
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.queues.port import Callback
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.queues.trying import Trial, tried_by
from shared_kernel.repair.payloads import (
    Check,
    PublishedPayloads,
    any_text,
    read_by,
)
from shared_kernel.repair.readers import Reader
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.runtime.context import (
    Context,
    DeclaredService,
    Follows,
    Need,
    route_words_of,
)
from shared_kernel.runtime.queue_by_url import AnnounceJobs, queue_by_url
from shared_kernel.runtime.service import (
    ConsumedQueue,
    Edges,
    Runtime,
    Service,
    WritingService,
    group_of,
)
from shared_kernel.runtime.workers import Worker
from shared_kernel.storage.database import Database
from shared_kernel.web.idempotency import ForgetIdempotencyKeys

P = TypeVar("P")
S = TypeVar("S")
W = TypeVar("W", bound=SqlUnitOfWork[Any])


class Neighbours(Protocol):
    """The other services, in this process or in another one."""

    def feed(self, source: str) -> EventFeed:
        """The log of `source`."""

    def settled(self, source: str, origin: str) -> Through:
        """Up to where the log of `source` reflects events of `origin`."""

    def port(self, need: Need[P]) -> P:
        """The implementation of the port."""


class ServiceBuilder:
    """The argument of the `build` function of a declared service.

    Subscriptions, writer and jobs created here become part of the service, with their
    dead letters, leases, status and metrics.
    """

    def __init__(
        self,
        runtime: Runtime,
        context: Context,
        declared: DeclaredService[Any],
        neighbours: Neighbours,
        schemas: Sequence[Schema],
    ) -> None:
        self.runtime = runtime
        self.databases = tuple(schema.database for schema in schemas)
        """The declared databases, in that order."""
        self._context = context
        self._declared = declared
        self._neighbours = neighbours
        self._schemas = tuple(schemas)
        self._log: EventLog | None = None
        for own, database in zip(declared.databases, self.databases, strict=True):
            if own.log:
                self._log = EventLog(database, context.name)
        self._writer: Writer[Any] | None = None
        self._subscriptions: list[Subscription] = []
        self._jobs: list[Worker] = []
        self._queues: list[ConsumedQueue] = []
        self._replayed: dict[Reader, Apply] = {}
        self._tried: dict[Reader, Apply] = {}
        self._checks: dict[Reader, Check] = {}

    @property
    def clock(self) -> Clock:
        return self.runtime.clock

    @property
    def log(self) -> EventLog:
        """The context's own log. Raises LookupError if none is declared."""
        if self._log is None:
            raise LookupError(f"{self._declared.name} declares no database with a log")
        return self._log

    @property
    def route_words(self) -> RouteWords:
        """The words of all contexts' routes, wherever these run."""
        return route_words_of(self.runtime.settings.contexts)

    def settings(self, kind: type[S]) -> S:
        """The context's own settings."""
        return self.runtime.settings.own(kind)

    def feed(self, source: str) -> EventFeed:
        """The log of `source`, in this process or in another one.

        Its events are in their newest versions.
        """
        feed, versions = self._neighbours.feed(source), self.runtime.versions
        return NewestFeed(feed, versions) if versions else feed

    def settled(self, source: str, origin: str) -> Through:
        """Up to where the log of `source` reflects events of `origin`."""
        return self._neighbours.settled(source, origin)

    def port(self, need: Need[P]) -> P:
        """The port, of this process or over HTTP. Raises LookupError if undeclared."""
        if need not in self._declared.needs:
            raise LookupError(
                f"{self._declared.name} does not declare that it needs {need.service}"
            )
        return self._neighbours.port(need)

    def writer(
        self, unit_of_work: Callable[[Connection, EventLog, Clock], W]
    ) -> Writer[W]:
        """A writer that executes each command in a unit of work with the log."""
        log, clock = self.log, self.clock
        writer = Writer(
            log.database,
            log,
            lambda connection: unit_of_work(connection, log, clock),
            self.runtime.on_commit,
        )
        self._writer = writer
        return writer

    def subscription(
        self,
        name: str,
        source: str,
        database: Database,
        apply: Apply,
        clear: Callable[[Connection], None] | None = None,
    ) -> Subscription:
        """A declared subscription; `apply` writes the effects to `database`.

        It gets all events in their newest versions.

        `clear` empties the read model to which `apply` writes. Raises LookupError if
        the subscription is not declared.
        """
        followed = self._followed_as(name, source)
        subscription = self.runtime.subscription(
            name,
            self._neighbours.feed(source),
            followed.pattern,
            database,
            self.runtime.versions.applying(apply),
            clear,
        )
        self._subscriptions.append(subscription)
        self._checks[name, source] = PublishedPayloads(
            self._published_by(source), self.runtime.versions, followed.reads
        )
        return subscription

    def membership(self, subject: str, group: str) -> Callable[[Deliver], Leave]:
        """A function that joins the queue group for foreign messages on `subject`.

        All replicas share the messages; another Storehouse gets its own copy of each.
        """

        def join(deliver: Deliver) -> Leave:
            whole = group_of(group, self.log.mark(0).log)
            return self.runtime.bus.subscribe(subject, whole, deliver)

        return join

    def queue(self, name: str, *, listed: str, unnamed: str) -> SqlQueue:
        """A declared queue, in the database with the log. Raises LookupError.

        On a broker, other programs know it as `listed`; what they send there without a
        name gets the name `unnamed`.
        """
        if name not in self._declared.queues:
            raise LookupError(f"{self._declared.name} does not declare queue {name}")
        runtime = self.runtime
        queue = queue_by_url(
            runtime.settings,
            name,
            self.log,
            listed=listed,
            unnamed=unnamed,
            consumer=runtime.holder,
            clock=runtime.clock,
            jitter=runtime.jitter,
        )
        self._replayed[name, SOURCE] = queue.replay
        self.in_background(AnnounceJobs(queue))
        return queue

    def consumes(
        self,
        queue: SqlQueue,
        callback: Callback,
        read: Callable[[Envelope], object] = any_text,
        tried: Callable[[Trial], Callback] | None = None,
    ) -> None:
        """Have the messages of `queue` processed where SERVICES has `worker`.

        `read` reads a dead letter as the callback reads its message
        (`payloads.read_by`): an edited one is checked so. `tried` makes the callback
        by which one is rehearsed; without it, a rehearsal only puts it back.
        """
        if tried is not None:
            self._tried[queue.name, SOURCE] = tried_by(queue, self._context.name, tried)
        self._queues.append(ConsumedQueue(queue, callback))
        self._checks[queue.name, SOURCE] = read_by(read, keeps_key=True)

    def replays(
        self,
        subscription: str,
        source: str,
        apply: Apply,
        read: Callable[[Envelope], object] = any_text,
    ) -> None:
        """Register how to replay dead letters that no subscription has.

        `read` reads one as `apply` does (`payloads.read_by`).
        """
        self._replayed[subscription, source] = apply
        self._checks[subscription, source] = read_by(read)

    def in_background(self, job: Worker) -> None:
        """Register `job` as a worker."""
        self._jobs.append(job)

    def followed(self) -> dict[str, Callable[[], int]]:
        """The sources whose events cause events in the log, with the position read."""
        return {
            subscription.source: subscription.cursor.saved
            for subscription in self._subscriptions
            if self._log is not None and subscription.database is self._log.database
        }

    def through(self, origin: str) -> Through:
        """Up to where the own log reflects events of `origin`."""
        return followed_through(
            origin, self.followed()[origin], self.log.settle, self.runtime.progress
        )

    def build(self) -> Any:
        """Call the declared `build`; the result is the argument of the edges.

        Raises LookupError if a declared queue is not consumed.
        """
        edges = self._declared.build(self)
        consumed = {each.queue.name for each in self._queues}
        if idle := set(self._declared.queues) - consumed:
            names = ", ".join(sorted(idle))
            raise LookupError(f"{self._declared.name} does not consume queue {names}")
        return edges

    def service(self, edges: Any) -> Service:
        """The service: all that was created here, with its routes and commands."""
        declared, runtime = self._declared, self.runtime
        common: dict[str, Any] = {
            "name": declared.name,
            "bus": runtime.bus,
            "subscriptions": tuple(self._subscriptions),
            "dead_letters": self._dead_letters(),
            "databases": self.databases,
            "queues": tuple(self._queues),
            "schemas": self._schemas,
            "edges": self._edges(edges),
        }
        if self._log is None:
            return Service(**common, background_jobs=tuple(self._jobs))
        if self._writer is None:
            raise LookupError(f"{declared.name} has a log, but no writer")
        return WritingService(
            **common,
            background_jobs=(*self._jobs, self._forget_idempotency_keys()),
            log=self._log,
            relay=runtime.relay(self._log),
            writer=self._writer,
            followed=self.followed(),
            dated=runtime.versions.dating(declared.dated) if declared.dated else None,
        )

    def _followed_as(self, name: str, source: str) -> Follows:
        for each in self._declared.follows:
            if (each.subscription, each.source) == (name, source):
                return each
        raise LookupError(
            f"{self._declared.name} does not declare that {name} follows {source}"
        )

    def _published_by(self, source: str) -> Mapping[str, type]:
        """The class of each event of `source`, wherever that runs."""
        published: dict[str, type] = {}
        for context in self.runtime.settings.contexts:
            if context.name == source:
                published |= context.published
        return published

    def _edges(self, edges: Any) -> Edges:
        declared, words = self._declared, self._context.route_words
        cli = declared.cli
        return Edges(
            api=lambda: declared.api(edges).declared_with(words),
            cli=partial(cli, edges, self.runtime.workers) if cli else Group,
            pages=[partial(page, edges) for page in declared.pages],
        )

    def _dead_letters(self) -> dict[str, DeadLetters]:
        """The dead letters of each database to which something is applied."""
        kept: dict[str, DeadLetters] = {}
        queues = {(each.queue.name, SOURCE): each.queue for each in self._queues}
        for own, database in zip(self._declared.databases, self.databases, strict=True):
            applied = {
                (each.name, each.source): each.apply
                for each in self._subscriptions
                if each.database is database
            }
            if own.log:
                applied |= self._replayed
            if applied:
                kept[own.name] = DeadLetters(
                    database,
                    applied,
                    self.clock,
                    checks=self._checks,
                    queues=queues if own.log else {},
                    tried=self._tried,
                )
        return kept

    def _forget_idempotency_keys(self) -> Worker:
        return ForgetIdempotencyKeys(
            self._context.name,
            self.log.database,
            self.clock,
            keep_hours=self.runtime.settings.idempotency_key_hours,
        )
