"""The running services of a process, without the web server."""

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property, partial

import attrs

from shared_kernel.buses.envelope import heartbeat
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import to_us
from shared_kernel.doors.tokens import REVISIONS, Tokens
from shared_kernel.events.event_log import EventFeed
from shared_kernel.migrations.migrate import Schema
from shared_kernel.queues import tables
from shared_kernel.runtime.service import (
    ConsumedQueue,
    Runtime,
    Service,
    WritingService,
)
from shared_kernel.runtime.settings import Settings
from shared_kernel.runtime.workers import Worker, Workers
from shared_kernel.storage.database import Listener
from shared_kernel.storage.errors import is_fault
from shared_kernel.web.peers import Peer

DRAIN_S = 10.0
"""How long a stop waits for messages that are being processed."""


@attrs.frozen(kw_only=True, slots=False)
class RunningServices:
    """The services of one process, with their bus, workers and peers.

    `services` run in this process, `feeds` are the logs that it can read, and `peers`
    the processes of needed services that do not run here, by service. `summary` is a
    line that describes the application.
    """

    runtime: Runtime
    summary: str = ""
    peers: Mapping[str, Peer]
    services: Sequence[Service]
    feeds: Sequence[EventFeed]
    stopping: threading.Event = attrs.field(factory=threading.Event)
    access: Schema = attrs.field()
    _notifications: list[Listener] = attrs.field(factory=list, init=False)
    _starting: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @access.default
    def _access(self) -> Schema:
        settings = self.runtime.settings
        database = self.runtime.database(settings.access_database_url)
        return Schema("access", database, REVISIONS)

    @cached_property
    def tokens(self) -> Tokens:
        """The tokens of the shop. Raises StorageUnavailableError."""
        self.access.prepare()
        return Tokens(self.access.database, self.runtime.clock)

    @property
    def workers(self) -> Workers:
        return self.runtime.workers

    @property
    def writing(self) -> list[WritingService]:
        """The services that execute commands and have a log."""
        return [each for each in self.services if isinstance(each, WritingService)]

    @property
    def queues(self) -> list[ConsumedQueue]:
        """Those of the services, whether this process consumes them or not."""
        return [queue for each in self.services for queue in each.queues]

    def service(self, name: str) -> Service:
        """Raises StopIteration if it does not run here."""
        return next(each for each in self.services if each.name == name)

    def context(self, name: str) -> WritingService:
        """The service with the log of that context.

        Raises StopIteration if it does not run here.
        """
        return next(each for each in self.writing if each.log.source == name)

    def start(self) -> None:
        """Start the workers in the background, and listen for commits of replicas."""
        with self._starting:
            if not self._notifications:
                self._listen()
            if self.runtime.settings.consumes_queues:
                self._consume()
        self.workers.start()

    def consume(self) -> None:
        """Start nothing but the consumers of the queues."""
        with self._starting:
            self._consume()

    def ask_to_stop(self) -> None:
        """End all waits for progress: requests are answered with the current state."""
        self.stopping.set()
        self.runtime.progress.made()

    def stop(self) -> None:
        """Stop the workers after their current step; close bus, peers and databases."""
        for each in self.queues:
            each.queue.stop(DRAIN_S)
        self.workers.stop()
        for listener in self._notifications:
            listener.close()
        self.runtime.bus.close()
        for peer in self.peers.values():
            peer.close()
        for queue in self.queues:
            queue.queue.close()
        for service in self.services:
            service.close()
        self.access.database.close()

    def _listen(self) -> None:
        for service in self.writing:
            log = service.log
            notify = partial(self._on_notification, service)
            notifications = log.database.notifications(log.source, notify)
            if notifications is not None:
                self._notifications.append(notifications)
                notifications.start()

    def _consume(self) -> None:
        for each in self.queues:
            if each.queue.is_consumed:
                continue
            each.start()
            notifications = each.queue.database.notifications(
                each.queue.name, each.on_notification, tables.TABLE
            )
            if notifications is not None:
                self._notifications.append(notifications)
                notifications.start()

    def _on_notification(self, service: WritingService, head: int | None) -> None:
        """The log of `service` has grown, perhaps by a commit of another process."""
        runtime, log = self.runtime, service.log
        delivered = service.relay.leads or runtime.bus.capabilities.between_replicas
        if head is not None and not delivered:
            now_us = to_us(runtime.clock())
            announcement = Delivery(
                [heartbeat(log.source, head, now_us)], from_log=True
            )
            for each in self.services:
                for subscription in each.subscriptions:
                    if subscription.feed is log:
                        subscription.deliver(announcement)
        runtime.on_commit()

    def register_workers(self) -> None:
        """A thread for each worker that waits for other processes, one for the rest."""
        bus = self.runtime.bus
        here = {service.log.source for service in self.writing}
        together: list[Worker] = []
        alone: list[Worker] = []
        # In the order in which they handle an event.
        for service in self.services:
            for subscription in service.subscriptions:
                thread = together if subscription.source in here else alone
                thread.append(subscription)
            if isinstance(service, WritingService):
                thread = alone if bus.capabilities.between_processes else together
                thread.append(service.relay)
        for service in self.services:
            together += service.background_jobs
        self.workers.register(together, alone)


def identities_of(services: Sequence[Service]) -> dict[str, str]:
    """The identities of the logs, by source; empty if a database does not answer."""
    writing = [each for each in services if isinstance(each, WritingService)]
    try:
        return {each.log.source: each.log.keys().log for each in writing}
    except Exception as error:
        if not is_fault(error):
            raise
        return {}


def peers_of(settings: Settings) -> dict[str, Peer]:
    """The other processes to which requests are sent, by the service wanted there."""
    return {
        service: Peer(
            service,
            url,
            timeout_s=settings.peer_timeout_ms / 1000,
            token=settings.peer_token,
        )
        for service, url in settings.addresses.items()
    }
