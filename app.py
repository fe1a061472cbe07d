"""The composition root: the only place that knows both contexts."""

import random
from collections.abc import Callable, Sequence
from functools import partial

from flask import Flask

import catalog.bootstrap
import inventory.bootstrap
from catalog.adapters.inventory_http import HttpStockLevels
from catalog.adapters.listing_http import HttpListingProgress
from catalog.adapters.services import Stock
from inventory.adapters.stock_levels import SqlStockLevels
from shared_kernel.buses.port import EventBus
from shared_kernel.clock import Clock, system_clock
from shared_kernel.events.consistency import followed_through
from shared_kernel.events.event_log import EventFeed
from shared_kernel.runtime.bus_by_url import bus_by_url
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
    Settings,
)
from shared_kernel.runtime.storehouse import Storehouse
from shared_kernel.serving.command_line import command_line
from shared_kernel.serving.starting import flask_application, serve_until_told
from shared_kernel.storage.errors import is_fault
from shared_kernel.web.peers import HttpEventFeed, Peer

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


def create_app(settings: Settings | None = None) -> Flask:
    """The web application and its commands; `flask --app app` finds it by this name."""
    return flask_application(assemble, settings)


def main(clock: Clock = system_clock) -> None:
    """Serve until told to stop. Exit code 2 if it cannot start."""
    serve_until_told(assemble, clock)


cli = command_line(create_app, main, "A product catalog and its stock.")
"""The same commands as one, `storehouse`; `storehouse serve` serves."""


if __name__ == "__main__":
    main()
