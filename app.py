"""The composition root: the only place that knows both contexts."""

import gc
import os
import random
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import attrs
import click
from flask import Flask

import catalog.bootstrap
import inventory.bootstrap
from catalog.adapters.inventory_http import HttpStockLevels
from catalog.adapters.listing_http import HttpListingProgress
from catalog.adapters.services import Stock
from inventory.adapters.stock_levels import SqlStockLevels
from shared_kernel.adapters.clock import Clock, system_clock
from shared_kernel.adapters.copies import DatabaseInUseError, ServedFiles
from shared_kernel.adapters.database import StorageUnavailableError
from shared_kernel.adapters.dead_letters_cli import dead_letters_group
from shared_kernel.adapters.events_cli import events_group
from shared_kernel.adapters.logs import set_up_logs
from shared_kernel.adapters.operations_cli import status_command
from shared_kernel.adapters.operations_http import Operations, operations_api
from shared_kernel.adapters.peers import (
    HttpEventFeed,
    Peer,
    StrangePeerError,
)
from shared_kernel.adapters.server import AddressUnavailableError, Worker, serve
from shared_kernel.adapters.service import (
    Service,
    Surroundings,
    WritingService,
    this_process,
)
from shared_kernel.adapters.settings import (
    CATALOG_COMMANDS,
    CATALOG_QUERIES,
    INVENTORY,
    SERVICES,
    BadSettingError,
    Settings,
)
from shared_kernel.adapters.web.pages import pages
from shared_kernel.adapters.web.routes import set_up_web
from shared_kernel.adapters.workers import Worker as Step
from shared_kernel.adapters.workers import Workers
from shared_kernel.buses.by_url import bus_by_url
from shared_kernel.buses.port import BusMisconfiguredError, EventBus
from shared_kernel.events.consistency import followed_through
from shared_kernel.events.event_log import EventFeed

PUBLISHED = ("product.>", "stock.>", "new.product")
"""The subjects of everything that goes over the bus, but for heartbeats."""


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
        """Let the workers run in the background."""
        self.workers.start()

    def stop(self) -> None:
        """Stop the workers after their step, and close bus and databases."""
        self.workers.stop()
        self.surroundings.bus.close()
        for peer in self.peers.values():
            peer.close()
        for service in self.services:
            service.close()


def assemble(
    settings: Settings,
    bus: EventBus | None = None,
    clock: Clock = system_clock,
    *,
    jitter: Callable[[], float] = random.random,
    holder: str | None = None,
) -> Storehouse:
    """Bring the databases up to date and plug the services together.

    `holder` is the name under which leases are held. Starts nothing. Raises
    StorageUnavailableError and BusMisconfiguredError.
    """
    here, peers = settings.services, _peers(settings)
    elsewhere = {
        source: HttpEventFeed(peers[service], source, follows)
        for service, source, follows in (
            (CATALOG_COMMANDS, "catalog", ""),
            (INVENTORY, "inventory", "catalog"),
        )
        if service in peers
    }
    surroundings = Surroundings(
        settings=settings,
        bus=bus or bus_by_url(settings, PUBLISHED, list(elsewhere.values())),
        clock=clock,
        jitter=jitter,
        holder=holder or this_process(),
    )
    services: list[Service] = []
    feeds: dict[str, EventFeed] = {**elsewhere}
    opened, stock, listing = None, None, None
    if CATALOG_COMMANDS in here:
        opened = catalog.bootstrap.open_log(surroundings)
        _, feeds["catalog"] = opened
    if INVENTORY in here:
        of_inventory = inventory.bootstrap.plug_in(surroundings, feeds["catalog"])
        services.append(of_inventory)
        feeds["inventory"] = of_inventory.log
        stock = _stock_here(of_inventory, surroundings)
    if CATALOG_QUERIES in here:
        stock = stock or _stock_elsewhere(elsewhere["inventory"], peers[INVENTORY])
        of_queries, listing = catalog.bootstrap.plug_in_queries(
            surroundings, feeds["catalog"], stock
        )
        services.append(of_queries)
    if opened is not None:
        listed = listing or HttpListingProgress(peers[CATALOG_QUERIES])
        of_commands = catalog.bootstrap.plug_in_commands(surroundings, *opened, listed)
        services.insert(0, of_commands)
    storehouse = Storehouse(
        surroundings=surroundings,
        services=services,
        feeds=list(feeds.values()),
        peers=peers,
    )
    _employ(storehouse)
    return storehouse


def _peers(settings: Settings) -> dict[str, Peer]:
    """The processes that are asked, by the service that each has to run."""
    addresses = {
        settings.neighbour: settings.catalog_url,
        INVENTORY: settings.inventory_url,
    }
    return {
        service: Peer(service, url, timeout_s=settings.peer_timeout_ms / 1000)
        for service, url in addresses.items()
        if service and url and service not in settings.services
    }


def _stock_here(of_inventory: WritingService, surroundings: Surroundings) -> Stock:
    ((source, followed),) = of_inventory.followed.items()
    log = of_inventory.log
    return Stock(
        feed=log,
        settled=followed_through(source, followed, log.head, surroundings.progress),
        levels=SqlStockLevels(of_inventory.databases[0]),
    )


def _stock_elsewhere(feed: HttpEventFeed, peer: Peer) -> Stock:
    return Stock(feed=feed, settled=feed.settled, levels=HttpStockLevels(peer))


def _employ(storehouse: Storehouse) -> None:
    """Let those that wait for other processes work alone, and the others together."""
    bus, workers = storehouse.surroundings.bus, storehouse.workers
    here = {service.log.source for service in storehouse.writing}
    together: list[Step] = []
    alone: list[Step] = []
    # In the order in which an event passes them.
    for service in storehouse.services:
        for subscription in service.subscriptions:
            of = together if subscription.source in here else alone
            of.append(subscription)
        if isinstance(service, WritingService):
            of = alone if bus.capabilities.between_processes else together
            of.append(service.relay)
    for service in storehouse.services:
        together += service.upkeep
    workers.employ(together, alone)


class CannotStart(click.ClickException):
    """The configuration or the machine is not as needed. The message says the mend."""

    exit_code = 2


def create_app(settings: Settings | None = None) -> Flask:
    """The web application and its commands; `flask --app app` finds it by this name.

    The workers start with the first request, in whatever process serves it. Raises
    CannotStart.
    """
    storehouse = _open(settings or _settings())
    app = web_application(storehouse)
    app.before_request(storehouse.start)
    return app


def web_application(storehouse: Storehouse) -> Flask:
    """Routes and commands around `storehouse`; starts nothing."""
    app = Flask("storehouse", root_path=str(Path(__file__).parent), static_folder=None)
    app.extensions["storehouse"] = storehouse
    set_up_web(app)
    operations = Operations(
        services=storehouse.services,
        workers=storehouse.workers,
        clock=storehouse.surroundings.clock,
        progress=storehouse.surroundings.progress,
        consistency_timeout_ms=storehouse.surroundings.settings.consistency_timeout_ms,
        stopping=storehouse.stopping,
        long_polls=storehouse.surroundings.settings.threads // 4,
    )
    apis = [service.api for service in storehouse.services]
    apis.append(operations_api(operations))
    for api in apis:
        app.register_blueprint(api.blueprint)
    app.register_blueprint(pages([op for api in apis for op in api.operations]))
    for service in storehouse.services:
        _add_commands(app.cli, service.cli)
        for each in service.pages:
            app.register_blueprint(each)
    app.cli.add_command(status_command(storehouse.services, operations.clock))
    app.cli.add_command(events_group(storehouse.feeds))
    app.cli.add_command(dead_letters_group(storehouse.services))
    return app


def _add_commands(cli: click.Group, group: click.Group) -> None:
    """Services of one context share a group."""
    there = cli.commands.get(group.name or "")
    if isinstance(there, click.Group):
        there.commands.update(group.commands)
    else:
        cli.add_command(group)


def main(clock: Clock = system_clock) -> None:
    """Serve until told to stop. Exit code 2 if it cannot start."""
    try:
        settings = _settings()
        serve(
            partial(_build, settings, clock),
            host=settings.host,
            port=settings.port,
            threads=settings.threads,
            named=_named(settings),
        )
    except (CannotStart, AddressUnavailableError) as error:
        _give_up(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _named(settings: Settings) -> str:
    if settings.services == frozenset(SERVICES):
        return "Storehouse"
    return f"Storehouse ({', '.join(sorted(settings.services))})"


def _settings() -> Settings:
    try:
        return Settings.from_environment(os.environ)
    except BadSettingError as error:
        raise CannotStart(str(error)) from error


def _open(settings: Settings, clock: Clock = system_clock) -> Storehouse:
    set_up_logs(settings.log_level, settings.log_format)
    try:
        return assemble(settings, clock=clock)
    except (StorageUnavailableError, BusMisconfiguredError) as error:
        raise CannotStart(str(error)) from error


def _open_the_doors(storehouse: Storehouse) -> ServedFiles:
    """What a server looks after before it serves, and a command need not.

    Raises CannotStart.
    """
    settings, files = storehouse.surroundings.settings, ServedFiles()
    databases = [each for service in storehouse.services for each in service.databases]
    try:
        files.claim(databases, several=settings.copies == "several")
        storehouse.surroundings.bus.open()
        for service, peer in storehouse.peers.items():
            peer.expect(service)
    except (DatabaseInUseError, BusMisconfiguredError, StrangePeerError) as error:
        files.release()
        storehouse.stop()
        raise CannotStart(str(error)) from error
    return files


def _build(settings: Settings, clock: Clock, worker: Worker) -> Flask:
    """In the serving process: the databases are opened here, and closed at its end."""
    try:
        storehouse = _open(settings, clock)
        files = _open_the_doors(storehouse)
    except CannotStart as error:
        _give_up(str(error))
    app = web_application(storehouse)
    # What there is at the start stays: the garbage collector need not look at it again.
    gc.collect()
    gc.freeze()
    worker.on_stop(storehouse.stopping.set)
    worker.on_exit(files.release)
    worker.on_exit(storehouse.stop)
    storehouse.start()
    return app


def _give_up(why: str) -> NoReturn:
    click.echo(f"Storehouse cannot start: {why}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
