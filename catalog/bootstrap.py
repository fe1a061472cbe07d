"""Declares the catalog: its services, databases, events, subscriptions and ports.

It has two services: one executes commands, the other one answers queries.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from click import Group
from sqlalchemy.engine import Connection

from catalog import published
from catalog.adapters import inventory_acl, new_product_letters, new_products
from catalog.adapters.home import home_page
from catalog.adapters.http import commands_api, queries_api
from catalog.adapters.http_bodies import RegisterBody
from catalog.adapters.imports import new_product_jobs
from catalog.adapters.imports.forget_imports import ForgetImports
from catalog.adapters.imports.import_parts import QUEUE
from catalog.adapters.imports.new_product_jobs import NewProductJobs
from catalog.adapters.imports.product_imports import ProductImports
from catalog.adapters.inventory_http import HttpStockLevels, Quantity, Refusal
from catalog.adapters.listing_http import HttpListingProgress
from catalog.adapters.listing_text_index import ListingTextIndex, start_again
from catalog.adapters.new_products import NewProducts
from catalog.adapters.rebuild_listing import ListingRebuild
from catalog.adapters.services import (
    CommandServices,
    ListingProgress,
    QueryServices,
    SqlCatalogUnitOfWork,
)
from catalog.adapters.settings import CatalogSettings
from catalog.application.stock_levels import StockLevels
from catalog.read_model.listing_projector import ListingProjector, ProductShown
from catalog.read_model.product_listing import LISTING_TABLE, product_listing
from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Clock
from shared_kernel.domain.foreign_names import RouteWords
from shared_kernel.events.consistency import Reader
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.writer import Writer
from shared_kernel.queues.port import Callback
from shared_kernel.queues.trying import Trial
from shared_kernel.runtime.context import (
    Context,
    DeclaredService,
    Follows,
    Join,
    Need,
    OwnDatabase,
    Relation,
)
from shared_kernel.runtime.service_builder import ServiceBuilder
from shared_kernel.runtime.workers import Workers

NAME = "catalog"
COMMANDS, QUERIES = "catalog-commands", "catalog-queries"
LISTING = "catalog.listing"
_MIGRATIONS = Path(__file__).parent / "adapters" / "migrations"

STOCK_LEVELS: Need[StockLevels] = Need(
    service="inventory",
    over_http=HttpStockLevels,
    relations=(Relation.CUSTOMER_SUPPLIER, Relation.OPEN_HOST_SERVICE),
    reads={Quantity: ("GET /stock",), Refusal: ("GET /stock",)},
)
LISTING_PROGRESS: Need[ListingProgress] = Need(
    service=QUERIES, over_http=HttpListingProgress
)


def listing_progress(services: QueryServices) -> Reader:
    """The port for waiting until the listing shows a change."""
    return services.reader


def _unit_of_work(
    builder: ServiceBuilder,
) -> Callable[[Connection, EventLog, Clock], SqlCatalogUnitOfWork]:
    return partial(SqlCatalogUnitOfWork, route_words=builder.route_words)


def _tried(builder: ServiceBuilder) -> Callable[[Trial], Callback]:
    """The callback by which a job is rehearsed."""
    unit_of_work, clock = _unit_of_work(builder), builder.clock

    def callback_in(trial: Trial) -> Callback:
        imports = ProductImports(trial.database, trial.queue, clock)
        writer = Writer(
            trial.database,
            trial.log,
            lambda connection: unit_of_work(connection, trial.log, clock),
        )
        jobs = NewProductJobs(imports, writer, trial.queue, trial.database)
        return jobs.process

    return callback_in


def build_commands(builder: ServiceBuilder) -> CommandServices:
    writer = builder.writer(_unit_of_work(builder))
    products = NewProducts(
        writer,
        builder.log,
        builder.clock,
        builder.membership(new_product_letters.SUBJECT, new_product_letters.GROUP),
        builder.runtime.workers.wake,
        builder.route_words,
    )
    settings = builder.settings(CatalogSettings)
    queue = builder.queue(
        QUEUE,
        listed=settings.new_products_list,
        unnamed=new_product_letters.SUBJECT,
    )
    imports = ProductImports(builder.log.database, queue, builder.clock)
    jobs = NewProductJobs(imports, writer, queue, builder.log.database)
    builder.consumes(queue, jobs.process, new_product_jobs.read, _tried(builder))
    builder.in_background(ForgetImports(imports, builder.clock, settings.import_days))
    builder.in_background(products)
    builder.replays(
        new_product_letters.GROUP,
        new_product_letters.SUBJECT,
        products.apply,
        new_products.read,
    )
    return CommandServices(
        clock=builder.clock,
        writer=writer,
        log=builder.log,
        listing=builder.port(LISTING_PROGRESS),
        imports=imports,
        import_max_mib=settings.import_max_mib,
        imports_at_once=settings.imports_at_once,
    )


def build_queries(builder: ServiceBuilder) -> QueryServices:
    (database,) = builder.databases
    catalog, inventory = builder.feed(NAME), builder.feed(inventory_acl.SOURCE)
    projector = ListingProjector(LISTING_TABLE)

    def project_stock(batch: Sequence[Envelope], connection: Connection) -> None:
        projector.availability(inventory_acl.availability_changes(batch), connection)

    of_products = builder.subscription(
        LISTING, NAME, database, projector.products, _clear
    )
    of_stock = builder.subscription(
        LISTING, inventory_acl.SOURCE, database, project_stock, _clear
    )
    if database.one_writer:
        name = f"{LISTING}.texts"
        builder.in_background(ListingTextIndex(name, database, builder.clock))
    return QueryServices(
        database=database,
        reader=Reader(
            cursors={
                NAME: of_products.cursor.saved,
                inventory_acl.SOURCE: of_stock.cursor.saved,
            },
            heads={NAME: catalog.head, inventory_acl.SOURCE: inventory.head},
            progress=builder.runtime.progress,
            origin=NAME,
            by_way_of=inventory_acl.SOURCE,
            through=builder.settled(inventory_acl.SOURCE, NAME),
        ),
        stock_levels=builder.port(STOCK_LEVELS),
        consistency_timeout_ms=builder.runtime.settings.consistency_timeout_ms,
        rebuild=ListingRebuild(
            LISTING,
            catalog,
            inventory,
            database,
            holder=builder.runtime.holder,
            clock=builder.clock,
            newest=builder.runtime.versions.newest,
        ),
    )


def _clear(connection: Connection) -> None:
    start_again(connection)
    connection.execute(sa.delete(product_listing))


def _commands_cli(services: CommandServices, workers: Workers) -> Group:
    from catalog.adapters.cli import commands_cli  # noqa: PLC0415 - see there

    return commands_cli(services, workers)


def _queries_cli(services: QueryServices, workers: Workers) -> Group:
    from catalog.adapters.cli import queries_cli  # noqa: PLC0415 - see there

    return queries_cli(services, workers)


CONTEXT = Context(
    name=NAME,
    address="CATALOG_URL",
    settings=CatalogSettings,
    published=published.SUBJECTS,
    accepts={new_product_letters.SUBJECT: RegisterBody},
    services=(
        DeclaredService(
            name=COMMANDS,
            build=build_commands,
            databases=(
                OwnDatabase(
                    "CATALOG_DATABASE_URL",
                    "var/catalog.db",
                    _MIGRATIONS / "commands",
                    log=True,
                ),
            ),
            queues=(QUEUE,),
            needs=(LISTING_PROGRESS,),
            api=commands_api,
            cli=_commands_cli,
        ),
        DeclaredService(
            name=QUERIES,
            build=build_queries,
            databases=(
                OwnDatabase(
                    "CATALOG_READ_DATABASE_URL",
                    "var/catalog_read.db",
                    _MIGRATIONS / "listing",
                ),
            ),
            follows=(
                Follows(
                    subscription=LISTING,
                    source=NAME,
                    pattern="product.>",
                    reads={ProductShown: ("product.*",)},
                ),
                Follows(
                    subscription=LISTING,
                    source=inventory_acl.SOURCE,
                    pattern="stock.>",
                    relations=(
                        Relation.CUSTOMER_SUPPLIER,
                        Relation.PUBLISHED_LANGUAGE,
                        Relation.ANTI_CORRUPTION_LAYER,
                    ),
                    reads={inventory_acl.StockSeen: ("stock.>",)},
                ),
            ),
            needs=(STOCK_LEVELS,),
            offers=(listing_progress,),
            api=queries_api,
            cli=_queries_cli,
            pages=(home_page,),
        ),
    ),
    joins=(Join(LISTING_PROGRESS, listing_progress),),
    route_words=RouteWords(
        after_names=("description", "discontinue", "name", "price", "relist"),
        beside_names=("imports",),
    ),
)
