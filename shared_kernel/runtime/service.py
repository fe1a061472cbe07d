"""A built service, and the runtime that all services of a process share."""

import os
import random
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import attrs
from click import Group
from flask import Blueprint
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import HEARTBEAT
from shared_kernel.buses.port import (
    Deliver,
    Delivery,
    EventBus,
    Followed,
    Leave,
    LogBus,
)
from shared_kernel.clock import Clock, system_clock
from shared_kernel.events.compaction import Dated
from shared_kernel.events.consistency import Progress
from shared_kernel.events.event_log import EventFeed, EventLog
from shared_kernel.events.relay import Relay
from shared_kernel.events.subscription import Apply, Join, Subscription
from shared_kernel.events.versions import Versions
from shared_kernel.events.writer import Writer
from shared_kernel.migrations.migrate import Schema
from shared_kernel.queues.port import Callback
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.runtime.settings import Settings
from shared_kernel.runtime.workers import Worker, Workers
from shared_kernel.storage.database import Database, Limits
from shared_kernel.web.routes import Api


def this_process() -> str:
    """The name of this process as a lease owner."""
    return f"{socket.gethostname()}:{os.getpid()}"


def group_of(name: str, log: str) -> str:
    """The queue group `name` for one log: other Storehouses on the bus have others.

    Only the end of the log's identity is used: a UUID of version 7 begins with a time.
    """
    return f"{name}.{log[-12:]}" if log else name


@attrs.frozen(kw_only=True)
class Runtime:
    """What all services of a process share.

    `holder` is the process's name as a lease owner. The `workers` are registered after
    all services are built.
    """

    settings: Settings
    bus: EventBus
    clock: Clock = system_clock
    jitter: Callable[[], float] = random.random
    holder: str = attrs.field(factory=this_process)
    progress: Progress = attrs.field()
    workers: Workers = attrs.field(factory=Workers)
    versions: Versions = attrs.field(factory=Versions)

    @progress.default
    def _progress(self) -> Progress:
        # A waiting request occupies a thread: leave most of them to other requests.
        return Progress(places=max(1, self.settings.threads // 4))

    def on_commit(self) -> None:
        """Wake the readers and workers that wait for a commit."""
        # In this order: a worker that wakes must find the count of progress raised.
        self.progress.made()
        self.workers.wake()

    def database(self, url: str, *, synchronous: str = "NORMAL") -> Database:
        """Raises StorageUnavailableError."""
        settings = self.settings
        limits = Limits(
            connections=settings.database_pool_size,
            timeout_ms=settings.database_timeout_ms,
        )
        return Database(url, synchronous=synchronous, limits=limits)

    def subscription(
        self,
        name: str,
        feed: EventFeed,
        pattern: str,
        database: Database,
        apply: Apply,
        clear: Callable[[Connection], None] | None = None,
    ) -> Subscription:
        """A subscription to `pattern` of `feed`, and to the heartbeats of its log.

        `clear` empties the read model to which `apply` writes.
        """
        return Subscription(
            name,
            feed,
            database,
            apply,
            holder=self.holder,
            clock=self.clock,
            jitter=self.jitter,
            joins=self._joins(name, feed.source, pattern),
            # Only on a broker can foreign programs publish.
            confirms=self.bus.capabilities.between_processes
            and isinstance(feed, EventLog),
            clear=clear,
            on_delivery=self.workers.wake,
            on_progress=self.on_commit,
        )

    def _joins(self, name: str, source: str, pattern: str) -> list[Join]:
        bus = self.bus
        if isinstance(bus, LogBus):
            wanted = Followed(source=source, pattern=pattern, group=name)
            return [partial(self._follow, bus, wanted)]
        subjects = (pattern, f"{HEARTBEAT}.{source}")
        return [partial(self._subscribe, name, subject) for subject in subjects]

    def _follow(
        self, bus: LogBus, wanted: Followed, log: str, applied: int, deliver: Deliver
    ) -> Leave:
        followed = attrs.evolve(wanted, log=log, after=applied)
        return bus.follow(followed, only_newest(deliver, self.versions))

    def _subscribe(
        self, name: str, subject: str, log: str, _applied: int, deliver: Deliver
    ) -> Leave:
        of_newest = only_newest(deliver, self.versions)
        return self.bus.subscribe(subject, group_of(name, log), of_newest)

    def relay(self, log: EventLog) -> Relay:
        return Relay(
            log,
            self.bus,
            self.clock,
            holder=self.holder,
            progress=self.progress,
            versions=self.versions,
        )


def only_newest(deliver: Deliver, versions: Versions) -> Deliver:
    """Deliver without events in outdated versions, which are for other programs.

    The newest version of the same event arrives as well, or else is read from the log.
    """
    if not versions:
        return deliver

    def filtered(delivery: Delivery) -> None:
        given = delivery.envelopes
        if versions.has_outdated(given):
            newest = [each for each in given if not versions.is_outdated(each.type)]
            delivery = attrs.evolve(delivery, envelopes=newest)
        deliver(delivery)

    return filtered


@attrs.frozen
class ConsumedQueue:
    """`callback` processes the messages of `queue`."""

    queue: SqlQueue
    callback: Callback

    def on_notification(self, _: int | None) -> None:
        """Another process has added messages."""
        self.queue.wake()

    def start(self) -> None:
        """Consume it in the background, as the settings say."""
        settings = self.queue.settings
        self.queue.start_consuming(
            settings.size, settings.poll_interval_s, self.callback
        )


@attrs.frozen(kw_only=True)
class Edges:
    """Make what connects a service with its users; each is made only if it is used."""

    api: Callable[[], Api]
    cli: Callable[[], Group] = Group
    pages: Sequence[Callable[[], Blueprint]] = ()


@attrs.frozen(kw_only=True)
class Service:
    """A service that a ServiceBuilder has built from its declaration.

    `background_jobs` are workers other than relay and subscriptions. `dead_letters` are
    by the name of their database. `schemas` are those of the `databases`. `edges` make
    the routes, the command group of the context, which its services share, and the
    pages, when they are asked for.
    """

    name: str
    bus: EventBus
    subscriptions: Sequence[Subscription] = ()
    background_jobs: Sequence[Worker] = ()
    dead_letters: Mapping[str, DeadLetters] = attrs.field(factory=dict)
    databases: Sequence[Database]
    queues: Sequence[ConsumedQueue] = ()
    schemas: Sequence[Schema] = ()
    edges: Edges

    @cached_property
    def api(self) -> Api:
        return self.edges.api()

    @cached_property
    def cli(self) -> Group:
        return self.edges.cli()

    @property
    def pages(self) -> list[Blueprint]:
        return [page() for page in self.edges.pages]

    def close(self) -> None:
        for database in self.databases:
            database.close()


@attrs.frozen(kw_only=True)
class WritingService(Service):
    """A service that executes commands and publishes their events.

    `dated` tells a compaction of `log` which changes stay datable. `followed` are the
    sources whose events cause events in `log`, with the position reached in each.
    """

    log: EventLog
    dated: Dated | None = None
    relay: Relay
    writer: Writer[Any]
    followed: Mapping[str, Callable[[], int]] = attrs.field(factory=dict)
