"""Plugs inventory in: handlers, subscriptions, routes, commands."""

from pathlib import Path

from inventory import published
from inventory.adapters import catalog_acl, compaction
from inventory.adapters.cli import inventory_cli
from inventory.adapters.expiry import ExpiryWorker
from inventory.adapters.http import inventory_api
from inventory.adapters.services import (
    CatalogPolicy,
    InventoryServices,
    SqlInventoryUnitOfWork,
)
from inventory.adapters.settings import InventorySettings
from inventory.read_model import stock_movements
from shared_kernel.events.consistency import Reader, followed_through
from shared_kernel.events.event_log import EventFeed, EventLog
from shared_kernel.events.replay import DeadLetters
from shared_kernel.events.writer import Writer
from shared_kernel.migrations.migrate import Schema
from shared_kernel.runtime.context import Context, Follows, Relation
from shared_kernel.runtime.service import Runtime, WritingService
from shared_kernel.web.commands import ForgetIdempotencyKeys

NAME = "inventory"
FOLLOWS_CATALOG = "inventory.catalog"
MOVEMENTS = "inventory.movements"
EVENTS = "stock.>"
_MIGRATIONS = Path(__file__).parent / "adapters" / "migrations"

CONTEXT = Context(
    name=NAME,
    services=(NAME,),
    settings=InventorySettings,
    address="inventory_url",
    published=published.SUBJECTS,
    follows=(
        Follows(
            subscription=FOLLOWS_CATALOG,
            source=catalog_acl.SOURCE,
            pattern=catalog_acl.PATTERN,
            relations=(
                Relation.CUSTOMER_SUPPLIER,
                Relation.PUBLISHED_LANGUAGE,
                Relation.ANTI_CORRUPTION_LAYER,
            ),
            reads={
                catalog_acl.ProductInserted: ("product.inserted",),
                catalog_acl.ProductSeen: ("product.discontinued", "product.relisted"),
            },
        ),
        # Shown as they are: no field is read.
        Follows(subscription=MOVEMENTS, source=NAME, pattern=EVENTS),
    ),
    reads_besides={compaction.StockDated: ("stock.*",)},
)


def plug_in(runtime: Runtime, catalog: EventFeed) -> WritingService:
    """The one service of this context, which follows `catalog`."""
    settings, own = runtime.settings, runtime.settings.own(InventorySettings)
    database = runtime.database(
        own.inventory_database_url, synchronous=settings.sqlite_synchronous
    )
    read_database = runtime.database(own.inventory_read_database_url)
    schemas = (
        Schema("inventory", database, _MIGRATIONS / "commands"),
        Schema("inventory_read", read_database, _MIGRATIONS / "movements"),
    )
    for schema in schemas:
        schema.prepare()
    log = EventLog(database, NAME)

    policy = CatalogPolicy(log, runtime.clock)
    of_catalog = runtime.subscription(
        FOLLOWS_CATALOG, catalog, catalog_acl.PATTERN, database, policy.apply
    )
    of_movements = runtime.subscription(
        MOVEMENTS,
        log,
        EVENTS,
        read_database,
        stock_movements.project,
        stock_movements.clear,
    )
    writer = Writer(
        database,
        log,
        lambda connection: SqlInventoryUnitOfWork(connection, log, runtime.clock),
        runtime.on_commit,
    )
    followed = {catalog.source: of_catalog.cursor.saved}
    heads = {catalog.source: catalog.head, NAME: log.head}
    services = InventoryServices(
        reservation_minutes=own.reservation_minutes,
        consistency_timeout_ms=settings.consistency_timeout_ms,
        clock=runtime.clock,
        writer=writer,
        log=log,
        database=database,
        read_database=read_database,
        stock=Reader(
            cursors={**followed, NAME: log.head},
            heads=heads,
            progress=runtime.progress,
        ),
        movements=Reader(
            cursors={**followed, NAME: of_movements.cursor.saved},
            heads=heads,
            progress=runtime.progress,
            origin=catalog.source,
            by_way_of=NAME,
            through=followed_through(
                catalog.source,
                of_catalog.cursor.saved,
                log.settle,
                runtime.progress,
            ),
        ),
    )
    return WritingService(
        name=NAME,
        log=log,
        dated=compaction.dated,
        relay=runtime.relay(log),
        writer=writer,
        followed=followed,
        subscriptions=(of_catalog, of_movements),
        background_jobs=(
            ExpiryWorker(writer, database, runtime.clock),
            ForgetIdempotencyKeys(
                NAME,
                database,
                runtime.clock,
                keep_hours=settings.idempotency_key_hours,
            ),
        ),
        dead_letters={
            "inventory": DeadLetters(
                database, {(FOLLOWS_CATALOG, catalog.source): policy.apply}
            ),
            "inventory_read": DeadLetters(
                read_database, {(MOVEMENTS, NAME): stock_movements.project}
            ),
        },
        databases=(database, read_database),
        schemas=schemas,
        api=inventory_api(services),
        cli=inventory_cli(services, runtime.workers),
    )
