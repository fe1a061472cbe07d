"""What the edges of the catalog (HTTP, command line) work with."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs
from sqlalchemy.engine import Connection

from catalog.adapters.publisher import publish
from catalog.adapters.rebuild_listing import ListingRebuild
from catalog.adapters.repository import SqlProductRepository
from catalog.application.stock_levels import StockLevels
from catalog.domain.product import Product
from shared_kernel.clock import Clock
from shared_kernel.events.consistency import Reader
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.unit_of_work import SqlUnitOfWork
from shared_kernel.events.writer import Writer
from shared_kernel.storage.database import Database


class SqlCatalogUnitOfWork(SqlUnitOfWork[Product]):
    """Products and the log of what happened to them."""

    def __init__(self, connection: Connection, log: EventLog, clock: Clock) -> None:
        self.products = SqlProductRepository(connection)
        super().__init__(connection, log, self.products, publish, clock)

    def prefetch(self, commands: Sequence[Any]) -> None:
        self.products.prefetch(command.sku for command in commands)


class ListingProgress(Protocol):
    """How far the listing has come, in this process or in another one."""

    def wait_for(self, token: Mapping[str, int], timeout_s: float) -> None:
        """Return once all of `token` is listed. Raises ReadModelBehindError."""


@attrs.frozen(kw_only=True)
class CommandServices:
    """`writer` executes commands, `log` has what they caused; `listing` shows it."""

    clock: Clock
    writer: Writer[SqlCatalogUnitOfWork]
    log: EventLog
    listing: ListingProgress


@attrs.frozen(kw_only=True)
class QueryServices:
    """The listing stands in `database`, and `reader` tells how far it has come.

    `stock_levels` asks inventory. `rebuild` builds the listing anew.
    """

    database: Database
    reader: Reader
    stock_levels: StockLevels
    consistency_timeout_ms: int
    rebuild: ListingRebuild
