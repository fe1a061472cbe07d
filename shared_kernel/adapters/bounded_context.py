"""A bounded context as the composition root sees it: the same handles for each."""

import os
import random
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from click import Group
from flask import Blueprint

from shared_kernel.adapters.clock import Clock, system_clock
from shared_kernel.adapters.database import Database
from shared_kernel.adapters.settings import Settings
from shared_kernel.adapters.unit_of_work import Writer
from shared_kernel.adapters.web.routes import Api
from shared_kernel.adapters.workers import Worker, Workers
from shared_kernel.buses.port import EventBus
from shared_kernel.events.consistency import Progress
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.relay import Relay
from shared_kernel.events.replay import DeadLetterOffice
from shared_kernel.events.subscription import Subscription


def this_process() -> str:
    """The name under which this process holds leases."""
    return f"{socket.gethostname()}:{os.getpid()}"


@attrs.frozen(kw_only=True)
class Surroundings:
    """What every context is plugged into: one of each in a process.

    `workers` are employed when all contexts are there.
    """

    settings: Settings
    bus: EventBus
    clock: Clock = system_clock
    jitter: Callable[[], float] = random.random
    holder: str = attrs.field(factory=this_process)
    progress: Progress = attrs.field(factory=Progress)
    wake: threading.Event = attrs.field(factory=threading.Event)
    workers: Workers = attrs.field(init=False)

    @workers.default
    def _nobody_yet(self) -> Workers:
        return Workers((), self.wake)

    def on_commit(self) -> None:
        """Something was written that the workers carry on."""
        if not self.wake.is_set():
            self.wake.set()


@attrs.frozen(kw_only=True)
class BoundedContext:
    """What `bootstrap.py` plugs together.

    `writer` executes commands. `upkeep` is background work besides relay and
    subscriptions. `dead_letters` has an office for each database that keeps some.
    """

    name: str
    log: EventLog
    relay: Relay
    subscriptions: Sequence[Subscription]
    upkeep: Sequence[Worker]
    dead_letters: Mapping[str, DeadLetterOffice]
    databases: Sequence[Database]
    writer: Writer[Any]
    api: Api
    cli: Group
    pages: Sequence[Blueprint] = ()

    def close(self) -> None:
        for database in self.databases:
            database.close()
