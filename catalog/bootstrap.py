"""Plugs the catalog in: handlers, subscriptions, routes, commands."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.engine import Connection

from catalog.adapters import inventory_acl
from catalog.adapters.cli import catalog_cli
from catalog.adapters.home import home_page
from catalog.adapters.http import catalog_api
from catalog.adapters.rebuild_listing import ListingRebuild
from catalog.adapters.services import CatalogServices, SqlCatalogUnitOfWork
from catalog.application.stock_levels import StockLevels
from catalog.read_model.listing_projector import ListingProjector
from catalog.read_model.product_listing import ListingTable, product_listing
from shared_kernel.adapters.bounded_context import BoundedContext, Surroundings
from shared_kernel.adapters.database import Database
from shared_kernel.adapters.migrations.migrate import migrate
from shared_kernel.adapters.unit_of_work import Writer
from shared_kernel.adapters.web.commands import ForgetIdempotencyKeys
from shared_kernel.events.consistency import Reader, Through
from shared_kernel.events.envelope import Envelope
from shared_kernel.events.event_log import EventFeed, EventLog
from shared_kernel.events.relay import Relay
from shared_kernel.events.replay import DeadLetterOffice
from shared_kernel.events.subscription import Subscription

NAME = "catalog"
LISTING = "catalog.listing"
_MIGRATIONS = Path(__file__).parent / "adapters" / "migrations"


def open_log(surroundings: Surroundings) -> tuple[Database, EventLog]:
    """The catalog's own database, brought up to date, and the log in it."""
    settings = surroundings.settings
    database = Database(
        settings.catalog_database_url, synchronous=settings.sqlite_synchronous
    )
    migrate(database, _MIGRATIONS / "commands")
    return database, EventLog(database, NAME)


def plug_in(
    surroundings: Surroundings,
    database: Database,
    log: EventLog,
    inventory: EventFeed,
    settled_in_inventory: Through,
    stock_levels: StockLevels,
) -> BoundedContext:
    read_database = Database(
        surroundings.settings.catalog_read_database_url, synchronous="NORMAL"
    )
    migrate(read_database, _MIGRATIONS / "listing")

    projector = ListingProjector(ListingTable(product_listing))

    def project_stock(batch: Sequence[Envelope], connection: Connection) -> None:
        projector.availability(inventory_acl.availability_changes(batch), connection)

    of_products, of_stock = (
        Subscription(
            LISTING,
            feed,
            read_database,
            apply,
            holder=surroundings.holder,
            clock=surroundings.clock,
            jitter=surroundings.jitter,
            on_progress=surroundings.progress.made,
        )
        for feed, apply in ((log, projector.products), (inventory, project_stock))
    )
    for subscription, pattern in (
        (of_products, "product.>"),
        (of_stock, inventory_acl.PATTERN),
    ):
        surroundings.bus.subscribe(pattern, LISTING, subscription.deliver)
        surroundings.bus.subscribe(
            f"heartbeat.{subscription.source}", LISTING, subscription.deliver
        )

    relay = Relay(log, database, surroundings.bus, surroundings.clock)
    services = CatalogServices(
        settings=surroundings.settings,
        clock=surroundings.clock,
        writer=Writer(
            database,
            lambda connection: SqlCatalogUnitOfWork(
                connection, log, surroundings.clock
            ),
            surroundings.on_commit,
        ),
        log=log,
        database=database,
        read_database=read_database,
        reader=Reader(
            cursors={
                NAME: of_products.cursor.saved,
                inventory_acl.SOURCE: of_stock.cursor.saved,
            },
            progress=surroundings.progress,
            origin=NAME,
            by_way_of=inventory_acl.SOURCE,
            through=settled_in_inventory,
        ),
        stock_levels=stock_levels,
    )
    rebuild = ListingRebuild(
        LISTING,
        log,
        inventory,
        read_database,
        holder=surroundings.holder,
        clock=surroundings.clock,
    )
    return BoundedContext(
        name=NAME,
        log=log,
        relay=relay,
        subscriptions=(of_products, of_stock),
        upkeep=(ForgetIdempotencyKeys(NAME, database, surroundings.clock),),
        dead_letters={
            "catalog_read": DeadLetterOffice(
                read_database,
                {
                    (LISTING, NAME): projector.products,
                    (LISTING, inventory_acl.SOURCE): project_stock,
                },
            )
        },
        databases=(database, read_database),
        writer=services.writer,
        api=catalog_api(services),
        cli=catalog_cli(services, surroundings.workers, rebuild),
        pages=(
            home_page(
                services, lambda: {NAME: log.head(), inventory.source: inventory.head()}
            ),
        ),
    )
