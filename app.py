"""The composition root: the only place that knows both contexts."""

import gc
import os
import random
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn

import click
from flask import Flask

import catalog.bootstrap
import inventory.bootstrap
from catalog.adapters.inventory_http import HttpStockLevels
from catalog.adapters.listing_http import HttpListingProgress
from catalog.adapters.services import Stock
from inventory.adapters.stock_levels import SqlStockLevels
from shared_kernel.buses.port import BusMisconfiguredError, EventBus
from shared_kernel.clock import Clock, system_clock
from shared_kernel.events.consistency import followed_through
from shared_kernel.events.event_log import EventFeed
from shared_kernel.runtime.bus_by_url import bus_by_url
from shared_kernel.runtime.logs import set_up_logs
from shared_kernel.runtime.service import (
    Runtime,
    Service,
    WritingService,
    this_process,
)
from shared_kernel.runtime.settings import (
    CATALOG_COMMANDS,
    CATALOG_QUERIES,
    INVENTORY,
    SERVICES,
    BadSettingError,
    Settings,
)
from shared_kernel.runtime.storehouse import Storehouse
from shared_kernel.serving.application import web_application
from shared_kernel.serving.arriving_bodies import BodyLimits
from shared_kernel.serving.server import AddressUnavailableError, Worker, serve
from shared_kernel.storage.errors import (
    ConnectionLostError,
    StorageUnavailableError,
    is_fault,
)
from shared_kernel.storage.served_files import DatabaseInUseError, ServedFiles
from shared_kernel.web.bodies import MAX_BODY_BYTES
from shared_kernel.web.peers import (
    HttpEventFeed,
    Peer,
    StrangePeerError,
)

PUBLISHED = ("product.>", "stock.>", "new.product")
"""The subjects of everything that goes over the bus, but for heartbeats."""


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
    services: list[Service] = []
    runtime = Runtime(
        settings=settings,
        bus=bus
        or bus_by_url(
            settings,
            PUBLISHED,
            list(elsewhere.values()),
            partial(_identities, services),
        ),
        clock=clock,
        jitter=jitter,
        holder=holder or this_process(),
    )
    feeds: dict[str, EventFeed] = {**elsewhere}
    opened, stock, listing = None, None, None
    if CATALOG_COMMANDS in here:
        opened = catalog.bootstrap.open_log(runtime)
        _, feeds["catalog"] = opened
    if INVENTORY in here:
        of_inventory = inventory.bootstrap.plug_in(runtime, feeds["catalog"])
        services.append(of_inventory)
        feeds["inventory"] = of_inventory.log
        stock = _stock_here(of_inventory, runtime)
    if CATALOG_QUERIES in here:
        stock = stock or _stock_elsewhere(elsewhere["inventory"], peers[INVENTORY])
        of_queries, listing = catalog.bootstrap.plug_in_queries(
            runtime, feeds["catalog"], stock
        )
        services.append(of_queries)
    if opened is not None:
        listed = listing or HttpListingProgress(peers[CATALOG_QUERIES])
        of_commands = catalog.bootstrap.plug_in_commands(runtime, *opened, listed)
        services.insert(0, of_commands)
    storehouse = Storehouse(
        runtime=runtime,
        services=services,
        feeds=list(feeds.values()),
        peers=peers,
    )
    storehouse.register_workers()
    return storehouse


def _identities(services: Sequence[Service]) -> dict[str, str]:
    """Of the logs among `services`, by source; nothing while a database is away."""
    writing = [each for each in services if isinstance(each, WritingService)]
    try:
        return {each.log.source: each.log.keys().log for each in writing}
    except Exception as error:
        if not is_fault(error):
            raise
        return {}


def _peers(settings: Settings) -> dict[str, Peer]:
    """The processes that are asked, by the service that each has to run."""
    addresses = {
        settings.neighbour: settings.catalog_url,
        INVENTORY: settings.inventory_url,
    }
    return {
        service: Peer(
            service,
            url,
            timeout_s=settings.peer_timeout_ms / 1000,
            token=settings.peer_token,
        )
        for service, url in addresses.items()
        if service and url and service not in settings.services
    }


def _stock_here(of_inventory: WritingService, runtime: Runtime) -> Stock:
    ((source, followed),) = of_inventory.followed.items()
    log = of_inventory.log
    return Stock(
        feed=log,
        settled=followed_through(source, followed, log.settle, runtime.progress),
        levels=SqlStockLevels(of_inventory.databases[0]),
    )


def _stock_elsewhere(feed: HttpEventFeed, peer: Peer) -> Stock:
    return Stock(feed=feed, settled=feed.settled, levels=HttpStockLevels(peer))


class CannotStart(click.ClickException):
    """The configuration or the machine is not as needed. The message says the mend."""

    exit_code = 2


class CannotStartYet(CannotStart):
    """A database server is away, and may be back by itself: trying again is right."""

    exit_code = 1


def create_app(settings: Settings | None = None) -> Flask:
    """The web application and its commands; `flask --app app` finds it by this name.

    The workers start with the first request, in whatever process serves it. Raises
    CannotStart.
    """
    storehouse = _open(settings or _settings())
    app = web_application(storehouse)
    app.before_request(storehouse.start)
    return app


def main(clock: Clock = system_clock) -> None:
    """Serve until told to stop. Exit code 2 if it cannot start."""
    try:
        settings = _settings()
        serve(
            partial(_build, settings, clock),
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            threads=settings.threads,
            limits=BodyLimits(
                most_bytes=MAX_BODY_BYTES, timeout_s=settings.body_timeout_s
            ),
            named=_named(settings),
        )
    except (CannotStart, AddressUnavailableError) as error:
        _give_up(error)
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
    settings, files = storehouse.runtime.settings, ServedFiles()
    databases = [each for service in storehouse.services for each in service.databases]
    try:
        for database in databases:
            database.open()
        files.claim(databases, several=settings.copies == "several")
        storehouse.runtime.bus.open()
        for service, peer in storehouse.peers.items():
            peer.expect(service)
    except ConnectionLostError as error:
        storehouse.stop()
        raise CannotStartYet(str(error)) from error
    except (
        StorageUnavailableError,
        DatabaseInUseError,
        BusMisconfiguredError,
        StrangePeerError,
    ) as error:
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
        _give_up(error)
    app = web_application(storehouse)
    # What there is at the start stays: the garbage collector need not look at it again.
    gc.collect()
    gc.freeze()
    worker.on_stop(storehouse.ask_to_stop)
    worker.on_exit(files.release)
    worker.on_exit(storehouse.stop)
    storehouse.start()
    return app


def _give_up(why: CannotStart | AddressUnavailableError) -> NoReturn:
    click.echo(f"Storehouse cannot start: {why}", err=True)
    sys.exit(why.exit_code if isinstance(why, CannotStart) else 2)


if __name__ == "__main__":
    main()
