"""Declares inventory: its service, databases, events, subscriptions and port."""

from pathlib import Path

from click import Group

from inventory import published
from inventory.adapters import catalog_acl, compaction, versions
from inventory.adapters.expiry import ExpiryWorker
from inventory.adapters.http import inventory_api
from inventory.adapters.services import (
    CatalogPolicy,
    InventoryServices,
    SqlInventoryUnitOfWork,
)
from inventory.adapters.settings import InventorySettings
from inventory.adapters.stock_levels import SqlStockLevels
from inventory.domain.value_objects import ROUTE_WORDS
from inventory.read_model import stock_movements
from shared_kernel.events.consistency import Reader
from shared_kernel.runtime.context import (
    Context,
    DeclaredService,
    Follows,
    OwnDatabase,
    Relation,
)
from shared_kernel.runtime.service_builder import ServiceBuilder
from shared_kernel.runtime.workers import Workers

NAME = "inventory"
FOLLOWS_CATALOG = "inventory.catalog"
MOVEMENTS = "inventory.movements"
_MIGRATIONS = Path(__file__).parent / "adapters" / "migrations"


def stock_levels(services: InventoryServices) -> SqlStockLevels:
    """The port for exact quantities, as of now."""
    return SqlStockLevels(services.database)


def build(builder: ServiceBuilder) -> InventoryServices:
    database, read_database = builder.databases
    log, progress = builder.log, builder.runtime.progress
    policy = CatalogPolicy(log, builder.clock)
    of_catalog = builder.subscription(
        FOLLOWS_CATALOG, catalog_acl.SOURCE, database, policy.apply
    )
    of_movements = builder.subscription(
        MOVEMENTS, NAME, read_database, stock_movements.project, stock_movements.clear
    )
    writer = builder.writer(SqlInventoryUnitOfWork)
    builder.in_background(ExpiryWorker(writer, database, builder.clock))
    followed = {catalog_acl.SOURCE: of_catalog.cursor.saved}
    heads = {catalog_acl.SOURCE: of_catalog.feed.head, NAME: log.head}
    return InventoryServices(
        reservation_minutes=builder.settings(InventorySettings).reservation_minutes,
        consistency_timeout_ms=builder.runtime.settings.consistency_timeout_ms,
        clock=builder.clock,
        writer=writer,
        log=log,
        database=database,
        read_database=read_database,
        stock=Reader(
            cursors={**followed, NAME: log.head}, heads=heads, progress=progress
        ),
        movements=Reader(
            cursors={**followed, NAME: of_movements.cursor.saved},
            heads=heads,
            progress=progress,
            origin=catalog_acl.SOURCE,
            by_way_of=NAME,
            through=builder.through(catalog_acl.SOURCE),
        ),
    )


def _inventory_cli(services: InventoryServices, workers: Workers) -> Group:
    from inventory.adapters.cli import inventory_cli  # noqa: PLC0415 - see there

    return inventory_cli(services, workers)


CONTEXT = Context(
    name=NAME,
    address="INVENTORY_URL",
    settings=InventorySettings,
    published=published.SUBJECTS,
    successors=versions.SUCCESSORS,
    route_words=ROUTE_WORDS,
    reads_outside_subscriptions={compaction.StockDated: ("stock.>",)},
    services=(
        DeclaredService(
            name=NAME,
            build=build,
            databases=(
                OwnDatabase(
                    "INVENTORY_DATABASE_URL",
                    "var/inventory.db",
                    _MIGRATIONS / "commands",
                    log=True,
                ),
                OwnDatabase(
                    "INVENTORY_READ_DATABASE_URL",
                    "var/inventory_read.db",
                    _MIGRATIONS / "movements",
                ),
            ),
            follows=(
                Follows(
                    subscription=FOLLOWS_CATALOG,
                    source=catalog_acl.SOURCE,
                    pattern="product.>",
                    relations=(
                        Relation.CUSTOMER_SUPPLIER,
                        Relation.PUBLISHED_LANGUAGE,
                        Relation.ANTI_CORRUPTION_LAYER,
                    ),
                    reads={
                        catalog_acl.ProductInserted: ("product.inserted",),
                        catalog_acl.ProductSeen: (
                            "product.discontinued",
                            "product.relisted",
                        ),
                    },
                ),
                # The events are shown unchanged: no field is read.
                Follows(subscription=MOVEMENTS, source=NAME, pattern="stock.>"),
            ),
            offers=(stock_levels,),
            api=inventory_api,
            cli=_inventory_cli,
            dated=compaction.dated,
        ),
    ),
)
