"""The composition root: the only place that knows both contexts."""

import random
from collections.abc import Callable
from functools import partial

import attrs
from flask import Flask

import catalog.bootstrap
import inventory.bootstrap
from catalog.adapters.inventory_http import HttpStockLevels
from catalog.adapters.listing_http import HttpListingProgress
from catalog.adapters.services import Stock
from catalog.bootstrap import COMMANDS, QUERIES
from inventory.adapters.stock_levels import SqlStockLevels
from inventory.bootstrap import NAME as INVENTORY
from shared_kernel.buses.port import EventBus
from shared_kernel.clock import Clock, system_clock
from shared_kernel.events.consistency import followed_through
from shared_kernel.events.event_log import EventFeed
from shared_kernel.runtime.bus_by_url import bus_by_url
from shared_kernel.runtime.running import RunningServices, identities_of, peers_of
from shared_kernel.runtime.service import (
    Runtime,
    Service,
    WritingService,
    this_process,
)
from shared_kernel.runtime.settings import Settings as AnySettings
from shared_kernel.runtime.settings import settings_of
from shared_kernel.serving.command_line import command_line
from shared_kernel.serving.starting import (
    flask_application,
    of_environment,
    serve_until_told,
)
from shared_kernel.web.peers import HttpEventFeed, Peer

CONTEXTS = catalog.bootstrap.CONTEXT, inventory.bootstrap.CONTEXT
PUBLISHED = [subject for context in CONTEXTS for subject in context.subjects]
"""The subjects of everything that goes over the bus, but for heartbeats."""

SUMMARY = "A product catalog and its stock."

Settings = settings_of(CONTEXTS)


@attrs.frozen(kw_only=True)
class Storehouse(RunningServices):
    """With its services by name; StopIteration for one that does not run here."""

    @property
    def catalog(self) -> WritingService:
        return next(each for each in self.writing if each.name == COMMANDS)

    @property
    def listing(self) -> Service:
        return next(each for each in self.services if each.name == QUERIES)

    @property
    def inventory(self) -> WritingService:
        return next(each for each in self.writing if each.name == INVENTORY)


def assemble(
    settings: AnySettings,
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
    here, peers = settings.services, peers_of(settings)
    elsewhere = {
        source: HttpEventFeed(peers[service], source, follows)
        for service, source, follows in (
            (COMMANDS, "catalog", ""),
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
            partial(identities_of, services),
        ),
        clock=clock,
        jitter=jitter,
        holder=holder or this_process(),
    )
    feeds: dict[str, EventFeed] = {**elsewhere}
    opened, stock, listing = None, None, None
    if COMMANDS in here:
        opened = catalog.bootstrap.open_log(runtime)
        _, feeds["catalog"] = opened
    if INVENTORY in here:
        of_inventory = inventory.bootstrap.plug_in(runtime, feeds["catalog"])
        services.append(of_inventory)
        feeds["inventory"] = of_inventory.log
        stock = _stock_here(of_inventory, runtime)
    if QUERIES in here:
        stock = stock or _stock_elsewhere(elsewhere["inventory"], peers[INVENTORY])
        of_queries, listing = catalog.bootstrap.plug_in_queries(
            runtime, feeds["catalog"], stock
        )
        services.append(of_queries)
    if opened is not None:
        listed = listing or HttpListingProgress(peers[QUERIES])
        of_commands = catalog.bootstrap.plug_in_commands(runtime, *opened, listed)
        services.insert(0, of_commands)
    storehouse = Storehouse(
        runtime=runtime,
        summary=SUMMARY,
        services=services,
        feeds=list(feeds.values()),
        peers=peers,
    )
    storehouse.register_workers()
    return storehouse


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


def create_app(settings: AnySettings | None = None) -> Flask:
    """The web application and its commands; `flask --app app` finds it by this name."""
    return flask_application(assemble, settings or of_environment(Settings))


def main(clock: Clock = system_clock) -> None:
    """Serve until told to stop. Exit code 2 if it cannot start."""
    serve_until_told(assemble, Settings, clock)


cli = command_line(create_app, main, SUMMARY)
"""The same commands as one, `storehouse`; `storehouse serve` serves."""


if __name__ == "__main__":
    main()
