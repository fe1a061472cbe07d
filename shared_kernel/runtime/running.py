"""The services that a process runs, without a web server around them."""

import threading
from collections.abc import Mapping, Sequence
from functools import partial

import attrs

from shared_kernel.buses.envelope import heartbeat
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import to_us
from shared_kernel.events.event_log import EventFeed
from shared_kernel.runtime.service import Runtime, Service, WritingService
from shared_kernel.runtime.settings import Settings
from shared_kernel.runtime.workers import Worker, Workers
from shared_kernel.storage.database import Listener
from shared_kernel.storage.errors import is_fault
from shared_kernel.web.peers import Peer


@attrs.frozen(kw_only=True)
class RunningServices:
    """What a process runs, without a web server around it.

    `services` are those that this process runs, `feeds` lead to the logs that it reads,
    and `peers` to the services that it needs and does not run. `summary` is a line that
    says what all that is for.
    """

    runtime: Runtime
    summary: str = ""
    peers: Mapping[str, Peer]
    services: Sequence[Service]
    feeds: Sequence[EventFeed]
    stopping: threading.Event = attrs.field(factory=threading.Event)
    _notifications: list[Listener] = attrs.field(factory=list, init=False)
    _starting: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @property
    def workers(self) -> Workers:
        return self.runtime.workers

    @property
    def writing(self) -> list[WritingService]:
        """Those that execute commands and have a log."""
        return [each for each in self.services if isinstance(each, WritingService)]

    def service(self, name: str) -> Service:
        """Raises StopIteration if it does not run here."""
        return next(each for each in self.services if each.name == name)

    def context(self, name: str) -> WritingService:
        """The service with the log of that context.

        Raises StopIteration if it does not run here.
        """
        return next(each for each in self.writing if each.log.source == name)

    def start(self) -> None:
        """Let the workers run in the background, and listen for other replicas."""
        with self._starting:
            if not self._notifications:
                self._listen()
        self.workers.start()

    def ask_to_stop(self) -> None:
        """End all waiting for progress: requests are answered with what there is."""
        self.stopping.set()
        self.runtime.progress.made()

    def stop(self) -> None:
        """Stop the workers after their step, and close bus and databases."""
        self.workers.stop()
        for each in self._notifications:
            each.close()
        self.runtime.bus.close()
        for peer in self.peers.values():
            peer.close()
        for service in self.services:
            service.close()

    def _listen(self) -> None:
        for service in self.writing:
            log = service.log
            notify = partial(self._on_notification, service)
            notifications = log.database.notifications(log.source, notify)
            if notifications is not None:
                self._notifications.append(notifications)
                notifications.start()

    def _on_notification(self, service: WritingService, head: int | None) -> None:
        """The log of `service` has grown, perhaps by what another process did."""
        runtime, log = self.runtime, service.log
        brought = service.relay.leads or runtime.bus.capabilities.between_replicas
        if head is not None and not brought:
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
        """Let those that wait for other processes work alone, the others together."""
        bus = self.runtime.bus
        here = {service.log.source for service in self.writing}
        together: list[Worker] = []
        alone: list[Worker] = []
        # In the order in which an event passes them.
        for service in self.services:
            for subscription in service.subscriptions:
                of = together if subscription.source in here else alone
                of.append(subscription)
            if isinstance(service, WritingService):
                of = alone if bus.capabilities.between_processes else together
                of.append(service.relay)
        for service in self.services:
            together += service.background_jobs
        self.workers.register(together, alone)


def identities_of(services: Sequence[Service]) -> dict[str, str]:
    """Of the logs among `services`, by source; nothing while a database is away."""
    writing = [each for each in services if isinstance(each, WritingService)]
    try:
        return {each.log.source: each.log.keys().log for each in writing}
    except Exception as error:
        if not is_fault(error):
            raise
        return {}


def peers_of(settings: Settings) -> dict[str, Peer]:
    """The processes that are asked, by the service that each has to run."""
    return {
        service: Peer(
            service,
            url,
            timeout_s=settings.peer_timeout_ms / 1000,
            token=settings.peer_token,
        )
        for service, url in settings.addresses.items()
    }
