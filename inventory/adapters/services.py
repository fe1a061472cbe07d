"""Inventory's unit of work and policy, and what its routes and commands need."""

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
from inventory.domain.stock_items import About
from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Clock
from shared_kernel.events.consistency import Reader
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.unit_of_work import SqlUnitOfWork
from shared_kernel.events.writer import Writer
from shared_kernel.storage.database import Database


class SqlInventoryUnitOfWork(SqlUnitOfWork[StockItem]):
    """Stock items and the event log."""

    def __init__(self, connection: Connection, log: EventLog, clock: Clock) -> None:
        self.stock_items = SqlStockItemRepository(connection)
        super().__init__(connection, log, self.stock_items, publish, clock)

    def prefetch(self, commands: Sequence[Any]) -> None:
        self.stock_items.prefetch(
            (command.sku, _about(command))
            for command in commands
            # This command names no stock item.
            if not isinstance(command, ExpireReservations)
        )


def _about(command: Any) -> About | None:
    """The order or the delivery note that `command` names."""
    about: About | None = getattr(command, "order", getattr(command, "reference", None))
    return about


@attrs.frozen
class CatalogPolicy:
    """Opens, retires or reopens the stock item when the catalog changes its product.

    A repeated event changes nothing, since its command is already done.
    """

    log: EventLog
    clock: Clock

    def apply(self, batch: Sequence[Envelope], connection: Connection) -> None:
        """Within the transaction that moves the cursor. Raises UnreadableEventError."""
        work = SqlInventoryUnitOfWork(connection, self.log, self.clock)
        commands = [
            (envelope, command)
            for envelope in batch
            if (command := catalog_acl.translate(envelope)) is not None
        ]
        work.prefetch([command for _, command in commands])
        for envelope, command in commands:
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
    """`writer` executes commands, and `stock` waits for events of the catalog.

    Stock levels are exact: they are read from `database`, to which commands write.
    `read_database` has the movements, and `movements` waits until it shows a change.
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
