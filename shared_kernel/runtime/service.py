"""A service as the composition root sees it: what one process can run by itself."""

import os
import random
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
from click import Group
from flask import Blueprint
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import HEARTBEAT
from shared_kernel.buses.port import Deliver, EventBus, Leave
from shared_kernel.clock import Clock, system_clock
from shared_kernel.events.compaction import Dated
from shared_kernel.events.consistency import Progress
from shared_kernel.events.event_log import EventFeed, EventLog
from shared_kernel.events.relay import Relay
from shared_kernel.events.replay import DeadLetters
from shared_kernel.events.subscription import Apply, Subscription
from shared_kernel.events.writer import Writer
from shared_kernel.migrations.migrate import Schema
from shared_kernel.runtime.settings import Settings
from shared_kernel.runtime.workers import Worker, Workers
from shared_kernel.storage.database import Database, Limits
from shared_kernel.web.routes import Api


def this_process() -> str:
    """The name under which this process holds leases."""
    return f"{socket.gethostname()}:{os.getpid()}"


def group_of(name: str, log: str) -> str:
    """The group of `name` among those who follow `log`: another shop's is another.

    The end of a UUID (version 7): its beginning is a time.
    """
    return f"{name}.{log[-12:]}" if log else name


@attrs.frozen(kw_only=True)
class Runtime:
    """What every service is plugged into: one of each in a process.

    `workers` are registered when all services are there.
    """

    settings: Settings
    bus: EventBus
    clock: Clock = system_clock
    jitter: Callable[[], float] = random.random
    holder: str = attrs.field(factory=this_process)
    progress: Progress = attrs.field()
    workers: Workers = attrs.field(factory=Workers)

    @progress.default
    def _progress(self) -> Progress:
        # Who waits holds a thread, and others need some too.
        return Progress(places=max(1, self.settings.threads // 4))

    def on_commit(self) -> None:
        """Something was written that the workers carry on, and readers wait for."""
        # In this order: who wakes must find that there is news.
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
        """One that takes everything `feed` has, and is told how far that goes.

        `clear` empties the read model that `apply` keeps.
        """
        subjects = (pattern, f"{HEARTBEAT}.{feed.source}")

        return Subscription(
            name,
            feed,
            database,
            apply,
            holder=self.holder,
            clock=self.clock,
            jitter=self.jitter,
            joins=[partial(self._join, subject, name) for subject in subjects],
            # Only on a broker can anybody else publish.
            confirms=self.bus.capabilities.between_processes
            and isinstance(feed, EventLog),
            clear=clear,
            on_delivery=self.workers.wake,
            on_progress=self.on_commit,
        )

    def _join(self, subject: str, name: str, log: str, deliver: Deliver) -> Leave:
        return self.bus.subscribe(subject, group_of(name, log), deliver)

    def relay(self, log: EventLog) -> Relay:
        return Relay(
            log, self.bus, self.clock, holder=self.holder, progress=self.progress
        )


@attrs.frozen(kw_only=True)
class Service:
    """What a ServiceBuilder makes of what a context declares.

    `background_jobs` run besides relay and subscriptions. `dead_letters` are those of
    each database that keeps some. `schemas` are those of `databases`. `cli`
    is the group of the context; services of one context share it.
    """

    name: str
    subscriptions: Sequence[Subscription] = ()
    background_jobs: Sequence[Worker] = ()
    dead_letters: Mapping[str, DeadLetters] = attrs.field(factory=dict)
    databases: Sequence[Database]
    schemas: Sequence[Schema] = ()
    api: Api
    cli: Group
    pages: Sequence[Blueprint] = ()

    def close(self) -> None:
        for database in self.databases:
            database.close()


@attrs.frozen(kw_only=True)
class WritingService(Service):
    """One that executes commands and publishes what they caused.

    `dated` is the rule for a compaction of `log`. `followed` are the sources whose
    events cause events in `log`, and how far each has been followed.
    """

    log: EventLog
    dated: Dated | None = None
    relay: Relay
    writer: Writer[Any]
    followed: Mapping[str, Callable[[], int]] = attrs.field(factory=dict)
