"""What the edges of inventory (HTTP, command line, other contexts) work with."""

from collections.abc import Sequence
from typing import Any

import attrs
from sqlalchemy.engine import Connection

from inventory.adapters import catalog_acl
from inventory.adapters.publisher import publish
from inventory.adapters.repository import SqlStockItemRepository
from inventory.application.commands import (
    ExpireReservations,
    OpenStock,
    ReopenStock,
    RetireStock,
)
from inventory.application.handlers import open_stock, reopen_stock, retire_stock
from inventory.domain.stock_item import StockItem
from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Clock
from shared_kernel.events.consistency import Reader
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.unit_of_work import SqlUnitOfWork
from shared_kernel.events.writer import Writer
from shared_kernel.storage.database import Database


class SqlInventoryUnitOfWork(SqlUnitOfWork[StockItem]):
    """Stock items and the log of what happened to them."""

    def __init__(self, connection: Connection, log: EventLog, clock: Clock) -> None:
        self.stock_items = SqlStockItemRepository(connection)
        super().__init__(connection, log, self.stock_items, publish, clock)

    def prefetch(self, commands: Sequence[Any]) -> None:
        self.stock_items.prefetch(
            (command.sku, getattr(command, "order", None))
            for command in commands
            # Reservations expire wherever they are.
            if not isinstance(command, ExpireReservations)
        )


@attrs.frozen
class CatalogPolicy:
    """Whenever the catalog registers, discontinues or relists, inventory follows.

    A repeated event finds done what it asks for, and changes nothing.
    """

    log: EventLog
    clock: Clock

    def apply(self, batch: Sequence[Envelope], connection: Connection) -> None:
        """Within the transaction that moves the cursor. Raises UnreadableEventError."""
        work = SqlInventoryUnitOfWork(connection, self.log, self.clock)
        orders = [
            (envelope, command)
            for envelope in batch
            if (command := catalog_acl.translate(envelope)) is not None
        ]
        work.prefetch([command for _, command in orders])
        for envelope, command in orders:
            work.traceparent = envelope.traceparent
            match command:
                case OpenStock():
                    open_stock(command, work)
                case RetireStock():
                    retire_stock(command, work)
                case ReopenStock():
                    reopen_stock(command, work)
        work.flush()


@attrs.frozen(kw_only=True)
class InventoryServices:
    """`writer` executes commands; `stock` tells how far the catalog has been followed.

    Stock levels are exact: they are read where they are written, in `database`.
    Movements stand in `read_database`, and `movements` tells how far they have come.
    """

    reservation_minutes: int
    consistency_timeout_ms: int
    clock: Clock
    writer: Writer[SqlInventoryUnitOfWork]
    log: EventLog
    database: Database
    read_database: Database
    stock: Reader
    movements: Reader
