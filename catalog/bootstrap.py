"""Plugs the catalog in: handlers, subscriptions, routes, commands.

Two services: one takes commands, the other one answers queries.
"""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog import published
from catalog.adapters import inventory_acl
from catalog.adapters.cli import commands_cli, queries_cli
from catalog.adapters.home import home_page
from catalog.adapters.http import commands_api, queries_api
from catalog.adapters.new_products import GROUP, SUBJECT, NewProducts
from catalog.adapters.rebuild_listing import ListingRebuild
from catalog.adapters.services import (
    CommandServices,
    ListingProgress,
    QueryServices,
    SqlCatalogUnitOfWork,
    Stock,
)
from catalog.adapters.settings import CatalogSettings
from catalog.read_model.listing_projector import ListingProjector, ProductShown
from catalog.read_model.product_listing import ListingTable, product_listing
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Deliver, Leave
from shared_kernel.events.consistency import Reader
from shared_kernel.events.event_log import EventFeed, EventLog
from shared_kernel.events.replay import DeadLetters
from shared_kernel.events.writer import Writer
from shared_kernel.migrations.migrate import Schema
from shared_kernel.runtime.context import Context, Follows, Relation
from shared_kernel.runtime.service import (
    Runtime,
    Service,
    WritingService,
    group_of,
)
from shared_kernel.storage.database import Database
from shared_kernel.web.commands import ForgetIdempotencyKeys

NAME = "catalog"
COMMANDS, QUERIES = "catalog-commands", "catalog-queries"
LISTING = "catalog.listing"
EVENTS = "product.>"
_MIGRATIONS = Path(__file__).parent / "adapters" / "migrations"

CONTEXT = Context(
    name=NAME,
    services=(COMMANDS, QUERIES),
    settings=CatalogSettings,
    address="catalog_url",
    published=published.SUBJECTS,
    accepts=(SUBJECT,),
    follows=(
        Follows(
            subscription=LISTING,
            source=NAME,
            pattern=EVENTS,
            reads={ProductShown: ("product.*",)},
        ),
        Follows(
            subscription=LISTING,
            source=inventory_acl.SOURCE,
            pattern=inventory_acl.PATTERN,
            relations=(
                Relation.CUSTOMER_SUPPLIER,
                Relation.PUBLISHED_LANGUAGE,
                Relation.ANTI_CORRUPTION_LAYER,
            ),
            reads={inventory_acl.StockSeen: ("stock.*",)},
        ),
    ),
)


def open_log(runtime: Runtime) -> tuple[Database, EventLog]:
    """The catalog's own database, brought up to date, and the log in it."""
    url = runtime.settings.own(CatalogSettings).catalog_database_url
    synchronous = runtime.settings.sqlite_synchronous
    opened = runtime.database(url, synchronous=synchronous)
    _schema_of_commands(opened).prepare()
    return opened, EventLog(opened, NAME)


def _schema_of_commands(database: Database) -> Schema:
    return Schema(NAME, database, _MIGRATIONS / "commands")


def plug_in_commands(
    runtime: Runtime,
    database: Database,
    log: EventLog,
    listing: ListingProgress,
) -> WritingService:
    writer = Writer(
        database,
        log,
        lambda connection: SqlCatalogUnitOfWork(connection, log, runtime.clock),
        runtime.on_commit,
    )
    services = CommandServices(
        clock=runtime.clock, writer=writer, log=log, listing=listing
    )

    def join(deliver: Deliver) -> Leave:
        # Another shop is told of new products, too.
        group = group_of(GROUP, log.mark(0).log)
        return runtime.bus.subscribe(SUBJECT, group, deliver)

    new_products = NewProducts(
        writer,
        database,
        log,
        runtime.clock,
        join,
        runtime.workers.wake,
    )
    return WritingService(
        name=COMMANDS,
        log=log,
        relay=runtime.relay(log),
        writer=writer,
        background_jobs=(
            new_products,
            ForgetIdempotencyKeys(
                NAME,
                database,
                runtime.clock,
                keep_hours=runtime.settings.idempotency_key_hours,
            ),
        ),
        dead_letters={
            "catalog": DeadLetters(database, {(GROUP, SUBJECT): new_products.apply})
        },
        databases=(database,),
        schemas=(_schema_of_commands(database),),
        api=commands_api(services),
        cli=commands_cli(services, runtime.workers),
    )


def plug_in_queries(
    runtime: Runtime,
    catalog: EventFeed,
    stock: Stock,
) -> tuple[Service, Reader]:
    """The service, and how far the listing has come."""
    own = runtime.settings.own(CatalogSettings)
    database = runtime.database(own.catalog_read_database_url)
    schema = Schema("catalog_read", database, _MIGRATIONS / "listing")
    schema.prepare()
    projector = ListingProjector(ListingTable(product_listing))

    def project_stock(batch: Sequence[Envelope], connection: Connection) -> None:
        projector.availability(inventory_acl.availability_changes(batch), connection)

    of_products = runtime.subscription(
        LISTING, catalog, EVENTS, database, projector.products, _clear
    )
    of_stock = runtime.subscription(
        LISTING, stock.feed, inventory_acl.PATTERN, database, project_stock, _clear
    )
    reader = Reader(
        cursors={
            NAME: of_products.cursor.saved,
            inventory_acl.SOURCE: of_stock.cursor.saved,
        },
        heads={NAME: catalog.head, inventory_acl.SOURCE: stock.feed.head},
        progress=runtime.progress,
        origin=NAME,
        by_way_of=inventory_acl.SOURCE,
        through=stock.settled,
    )
    services = QueryServices(
        database=database,
        reader=reader,
        stock_levels=stock.levels,
        consistency_timeout_ms=runtime.settings.consistency_timeout_ms,
    )
    rebuild = ListingRebuild(
        LISTING,
        catalog,
        stock.feed,
        database,
        holder=runtime.holder,
        clock=runtime.clock,
    )
    service = Service(
        name=QUERIES,
        subscriptions=(of_products, of_stock),
        dead_letters={
            "catalog_read": DeadLetters(
                database,
                {
                    (LISTING, NAME): projector.products,
                    (LISTING, inventory_acl.SOURCE): project_stock,
                },
            )
        },
        databases=(database,),
        schemas=(schema,),
        api=queries_api(services),
        cli=queries_cli(rebuild),
        pages=(home_page(services),),
    )
    return service, reader


def _clear(connection: Connection) -> None:
    connection.execute(sa.delete(product_listing))
