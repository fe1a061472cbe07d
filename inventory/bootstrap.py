"""Plugs inventory in: handlers, subscriptions, routes, commands."""

from pathlib import Path

from inventory.adapters import catalog_acl
from inventory.adapters.cli import inventory_cli
from inventory.adapters.expiry import ExpiryWorker
from inventory.adapters.http import inventory_api
from inventory.adapters.services import (
    CatalogPolicy,
    InventoryServices,
    SqlInventoryUnitOfWork,
)
from inventory.adapters.stock_levels import SqlStockLevels
from inventory.read_model import stock_movements
from shared_kernel.adapters.bounded_context import BoundedContext, Surroundings
from shared_kernel.adapters.database import Database
from shared_kernel.adapters.migrations.migrate import migrate
from shared_kernel.adapters.unit_of_work import Writer
from shared_kernel.adapters.web.commands import ForgetIdempotencyKeys
from shared_kernel.events.consistency import Behind, Reader, Through
from shared_kernel.events.event_log import EventFeed, EventLog
from shared_kernel.events.relay import Relay
from shared_kernel.events.replay import DeadLetterOffice
from shared_kernel.events.subscription import Subscription

NAME = "inventory"
FOLLOWS_CATALOG = "inventory.catalog"
MOVEMENTS = "inventory.movements"
_MIGRATIONS = Path(__file__).parent / "adapters" / "migrations"


def plug_in(
    surroundings: Surroundings, catalog: EventFeed
) -> tuple[BoundedContext, Through, SqlStockLevels]:
    """The context, and what others ask it.

    By when it has followed the catalog, and how much there is.
    """
    settings = surroundings.settings
    database = Database(
        settings.inventory_database_url, synchronous=settings.sqlite_synchronous
    )
    migrate(database, _MIGRATIONS / "commands")
    read_database = Database(settings.inventory_read_database_url, synchronous="NORMAL")
    migrate(read_database, _MIGRATIONS / "movements")
    log = EventLog(database, NAME)

    policy = CatalogPolicy(log, surroundings.clock)
    of_catalog = Subscription(
        FOLLOWS_CATALOG,
        catalog,
        database,
        policy.apply,
        holder=surroundings.holder,
        clock=surroundings.clock,
        jitter=surroundings.jitter,
        on_progress=surroundings.progress.made,
    )
    of_movements = Subscription(
        MOVEMENTS,
        log,
        read_database,
        stock_movements.project,
        holder=surroundings.holder,
        clock=surroundings.clock,
        jitter=surroundings.jitter,
        on_progress=surroundings.progress.made,
    )
    for subscription, pattern in (
        (of_catalog, catalog_acl.PATTERN),
        (of_movements, "stock.>"),
    ):
        for subject in (pattern, f"heartbeat.{subscription.source}"):
            surroundings.bus.subscribe(subject, subscription.name, subscription.deliver)

    def settled(position: int) -> int | Behind:
        reached = of_catalog.cursor.saved()
        if reached < position:
            return Behind(catalog.source, position, reached)
        return log.head()

    relay = Relay(log, database, surroundings.bus, surroundings.clock)
    writer = Writer(
        database,
        lambda connection: SqlInventoryUnitOfWork(connection, log, surroundings.clock),
        surroundings.on_commit,
    )
    services = InventoryServices(
        settings=settings,
        clock=surroundings.clock,
        writer=writer,
        log=log,
        database=database,
        read_database=read_database,
        stock=Reader(
            cursors={catalog.source: of_catalog.cursor.saved, NAME: log.head},
            progress=surroundings.progress,
        ),
        movements=Reader(
            cursors={NAME: of_movements.cursor.saved},
            progress=surroundings.progress,
            origin=catalog.source,
            by_way_of=NAME,
            through=settled,
        ),
    )
    context = BoundedContext(
        name=NAME,
        log=log,
        relay=relay,
        subscriptions=(of_catalog, of_movements),
        upkeep=(
            ExpiryWorker(writer, surroundings.clock),
            ForgetIdempotencyKeys(NAME, database, surroundings.clock),
        ),
        dead_letters={
            "inventory": DeadLetterOffice(
                database, {(FOLLOWS_CATALOG, catalog.source): policy.apply}
            ),
            "inventory_read": DeadLetterOffice(
                read_database, {(MOVEMENTS, NAME): stock_movements.project}
            ),
        },
        databases=(database, read_database),
        writer=writer,
        api=inventory_api(services),
        cli=inventory_cli(services, surroundings.workers),
    )
    return context, settled, SqlStockLevels(database)
