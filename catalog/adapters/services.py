"""What the edges of the catalog (HTTP, command line) work with."""

import attrs
from sqlalchemy.engine import Connection

from catalog.adapters.publisher import publish
from catalog.adapters.repository import SqlProductRepository
from catalog.application.stock_levels import StockLevels
from catalog.domain.product import Product
from shared_kernel.adapters.clock import Clock
from shared_kernel.adapters.database import Database
from shared_kernel.adapters.settings import Settings
from shared_kernel.adapters.unit_of_work import SqlUnitOfWork, Writer
from shared_kernel.events.consistency import Reader
from shared_kernel.events.event_log import EventLog


class SqlCatalogUnitOfWork(SqlUnitOfWork[Product]):
    """Products and the log of what happened to them."""

    def __init__(self, connection: Connection, log: EventLog, clock: Clock) -> None:
        self.products = SqlProductRepository(connection)
        super().__init__(connection, log, self.products, publish, clock)


@attrs.frozen(kw_only=True)
class CatalogServices:
    """`writer` executes commands; `reader` tells how far the listing has come.

    The listing itself stands in `read_database`; `stock_levels` asks inventory.
    """

    settings: Settings
    clock: Clock
    writer: Writer[SqlCatalogUnitOfWork]
    log: EventLog
    database: Database
    read_database: Database
    reader: Reader
    stock_levels: StockLevels
