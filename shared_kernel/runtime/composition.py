"""Builds the services of a process from the contexts' declarations."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import attrs

from shared_kernel.buses.port import EventBus
from shared_kernel.clock import Clock, system_clock
from shared_kernel.events.consistency import Through
from shared_kernel.events.event_log import EventFeed
from shared_kernel.migrations.migrate import Schema
from shared_kernel.runtime.bus_by_url import bus_by_url
from shared_kernel.runtime.context import (
    Context,
    DeclaredService,
    Join,
    Need,
    owner_of,
    services_of,
    versions_of,
)
from shared_kernel.runtime.running import RunningServices, identities_of, peers_of
from shared_kernel.runtime.service import Runtime, Service, this_process
from shared_kernel.runtime.service_builder import ServiceBuilder
from shared_kernel.runtime.settings import Settings
from shared_kernel.web.feeds_of_peers import HttpEventFeed
from shared_kernel.web.peers import Peer

P = TypeVar("P")


def compose(
    settings: Settings,
    joins: Sequence[Join[Any]] = (),
    *,
    summary: str = "",
    bus: EventBus | None = None,
    clock: Clock = system_clock,
    jitter: Callable[[], float] = random.random,
    holder: str | None = None,
) -> RunningServices:
    """Prepare the databases and build the services of this process.

    The contexts are those of `settings`; `joins` connect ports of different contexts.
    `holder` is the name of this process as a lease owner. Starts nothing. Raises
    StorageUnavailableError, BusMisconfiguredError, and LookupError if the declarations
    are inconsistent.
    """
    contexts, peers = settings.contexts, peers_of(settings)
    elsewhere = {
        context.name: HttpEventFeed(peers[service.name], context.name)
        for context, service in services_of(contexts)
        if service.has_log and service.name in peers
    }
    services: list[Service] = []
    runtime = Runtime(
        settings=settings,
        bus=bus
        or bus_by_url(
            settings,
            [subject for context in contexts for subject in context.subjects],
            list(elsewhere.values()),
            partial(identities_of, services),
        ),
        clock=clock,
        jitter=jitter,
        holder=holder or this_process(),
        versions=versions_of(contexts),
    )
    joined = [*joins, *(join for context in contexts for join in context.joins)]
    composition = _Composition(runtime, contexts, joined, peers, elsewhere)
    services += [composition.built(name).service for name in composition.here()]
    storehouse = RunningServices(
        runtime=runtime,
        summary=summary,
        services=services,
        feeds=composition.feeds(),
        peers=peers,
    )
    storehouse.register_workers()
    return storehouse


@attrs.frozen
class _Built:
    """`edges` is what `build` returned: routes, commands and ports are made from it."""

    builder: ServiceBuilder
    edges: Any
    service: Service


class _Composition:
    """Builds each service once, before the services that use its ports."""

    def __init__(
        self,
        runtime: Runtime,
        contexts: Sequence[Context],
        joins: Sequence[Join[Any]],
        peers: dict[str, Peer],
        elsewhere: dict[str, HttpEventFeed],
    ) -> None:
        self._runtime = runtime
        self._contexts = contexts
        self._offers = _offers(contexts, joins)
        self._peers = peers
        self._elsewhere = elsewhere
        self._built: dict[str, _Built] = {}
        self._in_progress: list[str] = []
        self._builders = {
            service.name: ServiceBuilder(
                runtime, context, service, self, self._prepared(service)
            )
            for context, service in services_of(contexts)
            if service.name in runtime.settings.running
        }

    def here(self) -> list[str]:
        """The names of this process's services; sources come before their followers."""
        ordered: list[str] = []
        seen: set[str] = set()

        def visit(service: DeclaredService[Any]) -> None:
            if service.name in seen:
                return
            seen.add(service.name)
            for follows in service.follows:
                visit(owner_of(self._contexts, follows.source))
            ordered.append(service.name)

        for _, service in services_of(self._contexts):
            visit(service)
        return [name for name in ordered if name in self._builders]

    def built(self, name: str) -> _Built:
        """The named service of this process, which is built if it was not."""
        if name not in self._built:
            if name in self._in_progress:
                cycle = ", ".join([*self._in_progress, name])
                raise LookupError(f"services need each other's ports: {cycle}")
            self._in_progress.append(name)
            builder = self._builders[name]
            edges = builder.build()
            self._built[name] = _Built(builder, edges, builder.service(edges))
            self._in_progress.remove(name)
        return self._built[name]

    def feeds(self) -> list[EventFeed]:
        """The feeds of all sources that this process can read."""
        return [
            self.feed(context.name)
            for context, service in services_of(self._contexts)
            if service.has_log
            and (service.name in self._builders or context.name in self._elsewhere)
        ]

    def feed(self, source: str) -> EventFeed:
        owner = owner_of(self._contexts, source).name
        if owner in self._builders:
            return self._builders[owner].log
        return self._elsewhere[source]

    def settled(self, source: str, origin: str) -> Through:
        owner = owner_of(self._contexts, source).name
        if owner in self._builders:
            return self.built(owner).builder.through(origin)
        return partial(self._elsewhere[source].settled, origin)

    def port(self, need: Need[P]) -> P:
        if need.service not in self._builders:
            return need.over_http(self._peers[need.service])
        port: P = self._offers[need](self.built(need.service).edges)
        return port

    def _prepared(self, service: DeclaredService[Any]) -> list[Schema]:
        """Prepare the databases of `service`; return their schemas."""
        schemas = []
        for own in service.databases:
            settings = self._runtime.settings
            database = self._runtime.database(
                getattr(settings, own.variable.lower()),
                synchronous=settings.sqlite_synchronous if own.log else "NORMAL",
            )
            schemas.append(Schema(own.name, database, own.revisions))
            schemas[-1].prepare()
        return schemas


def _offers(
    contexts: Sequence[Context], joins: Sequence[Join[Any]]
) -> dict[Need[Any], Callable[[Any], Any]]:
    """The offer for each need. Raises LookupError if a need has none."""
    offered = {service.name: service.offers for _, service in services_of(contexts)}
    joined = {join.need: join.offer for join in joins}
    for context, service in services_of(contexts):
        for need in service.needs:
            if joined.get(need) not in offered.get(need.service, ()):
                raise LookupError(
                    f"{service.name} of {context.name} needs a port of {need.service}: "
                    "join it with one that is declared as offered there"
                )
    return joined
