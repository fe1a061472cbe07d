"""What the catalog's routes and commands need: writer, readers and ports."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs
from sqlalchemy.engine import Connection

from catalog.adapters.imports.product_imports import ProductImports
from catalog.adapters.publisher import publish
from catalog.adapters.rebuild_listing import ListingRebuild
from catalog.adapters.repository import SqlProductRepository
from catalog.application.stock_levels import StockLevels
from catalog.domain.product import Product
from shared_kernel.clock import Clock
from shared_kernel.domain.foreign_names import RouteWords
from shared_kernel.events.consistency import Reader
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.unit_of_work import SqlUnitOfWork
from shared_kernel.events.writer import Writer
from shared_kernel.storage.database import Database


class SqlCatalogUnitOfWork(SqlUnitOfWork[Product]):
    """Products and the event log."""

    def __init__(
        self,
        connection: Connection,
        log: EventLog,
        clock: Clock,
        route_words: RouteWords,
    ) -> None:
        self.route_words = route_words
        self.products = SqlProductRepository(connection)
        super().__init__(connection, log, self.products, publish, clock)

    def prefetch(self, commands: Sequence[Any]) -> None:
        self.products.prefetch(command.sku for command in commands)


class ListingProgress(Protocol):
    """The progress of the listing, in this process or in another one."""

    def wait_for(self, token: Mapping[str, int], timeout_s: float) -> None:
        """Return once the listing shows `token`. Raises ReadModelBehindError."""


@attrs.frozen(kw_only=True)
class CommandServices:
    """`writer` executes commands, and `log` has their events.

    `listing` waits until the listing shows them. `imports` are executed by workers; a
    file has at most `import_max_mib` MiB, and `imports_at_once` are received at a time.
    """

    clock: Clock
    writer: Writer[SqlCatalogUnitOfWork]
    log: EventLog
    listing: ListingProgress
    imports: ProductImports
    import_max_mib: int
    imports_at_once: int


@attrs.frozen(kw_only=True)
class QueryServices:
    """`database` has the listing, and `reader` waits until it shows a change.

    `stock_levels` asks inventory for exact quantities. `rebuild` rebuilds the listing.
    """

    database: Database
    reader: Reader
    stock_levels: StockLevels
    consistency_timeout_ms: int
    rebuild: ListingRebuild
