"""The running system, without a web server around it."""

import threading
from collections.abc import Mapping, Sequence
from functools import partial

import attrs

from shared_kernel.buses.envelope import heartbeat
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import to_us
from shared_kernel.events.event_log import EventFeed
from shared_kernel.runtime.service import Service, Surroundings, WritingService
from shared_kernel.runtime.settings import (
    CATALOG_COMMANDS,
    CATALOG_QUERIES,
    INVENTORY,
)
from shared_kernel.runtime.workers import Worker, Workers
from shared_kernel.storage.database import Listener
from shared_kernel.web.peers import Peer


@attrs.frozen(kw_only=True)
class Storehouse:
    """The running system, without a web server around it.

    `services` are those that this process runs, `feeds` lead to the logs that it reads,
    and `peers` to the services that it needs and does not run.
    """

    surroundings: Surroundings
    peers: Mapping[str, Peer]
    services: Sequence[Service]
    feeds: Sequence[EventFeed]
    stopping: threading.Event = attrs.field(factory=threading.Event)
    _news: list[Listener] = attrs.field(factory=list, init=False)
    _starting: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @property
    def workers(self) -> Workers:
        return self.surroundings.workers

    @property
    def writing(self) -> list[WritingService]:
        """Those that execute commands and have a log."""
        return [each for each in self.services if isinstance(each, WritingService)]

    @property
    def catalog(self) -> WritingService:
        """Raises StopIteration if it does not run here, like the next two."""
        return next(each for each in self.writing if each.name == CATALOG_COMMANDS)

    @property
    def listing(self) -> Service:
        return next(each for each in self.services if each.name == CATALOG_QUERIES)

    @property
    def inventory(self) -> WritingService:
        return next(each for each in self.writing if each.name == INVENTORY)

    def start(self) -> None:
        """Let the workers run in the background, and hear what other copies do."""
        with self._starting:
            if not self._news:
                self._listen()
        self.workers.start()

    def ask_to_stop(self) -> None:
        """Whoever waits for news goes without."""
        self.stopping.set()
        self.surroundings.progress.made()

    def stop(self) -> None:
        """Stop the workers after their step, and close bus and databases."""
        self.workers.stop()
        for news in self._news:
            news.close()
        self.surroundings.bus.close()
        for peer in self.peers.values():
            peer.close()
        for service in self.services:
            service.close()

    def _listen(self) -> None:
        for service in self.writing:
            log = service.log
            news = log.database.news(log.source, partial(self._hear, service))
            if news is not None:
                self._news.append(news)
                news.start()

    def _hear(self, service: WritingService, head: int | None) -> None:
        """The log of `service` has grown, perhaps by what another process did."""
        surroundings, log = self.surroundings, service.log
        brought = service.relay.leads or surroundings.bus.capabilities.between_copies
        if head is not None and not brought:
            now_us = to_us(surroundings.clock())
            announcement = Delivery(
                [heartbeat(log.source, head, now_us)], from_log=True
            )
            for each in self.services:
                for subscription in each.subscriptions:
                    if subscription.feed is log:
                        subscription.deliver(announcement)
        surroundings.on_commit()

    def employ(self) -> None:
        """Let those that wait for other processes work alone, the others together."""
        bus = self.surroundings.bus
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
            together += service.upkeep
        self.workers.employ(together, alone)
