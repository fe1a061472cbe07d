"""Expires reservations."""

from datetime import datetime

from inventory.adapters.repository import SqlStockItemRepository
from inventory.adapters.services import SqlInventoryUnitOfWork
from inventory.application.commands import ExpireReservations
from inventory.application.handlers import expire_reservations
from shared_kernel.clock import Clock, to_us
from shared_kernel.events.writer import Writer
from shared_kernel.storage.database import Database

BATCH = 200
LOOK_EVERY_US = 500_000


class ExpiryWorker:
    """Runs twice a second; a late run expires everything that is due by then."""

    name = "inventory.expiry"

    def __init__(
        self, writer: Writer[SqlInventoryUnitOfWork], database: Database, clock: Clock
    ) -> None:
        self._writer = writer
        self._database = database
        self._clock = clock
        self._next_look_us = 0

    def step(self) -> int:
        """Expire at most one batch; return how many reservations ended."""
        now = self._clock()
        if to_us(now) < self._next_look_us:
            return 0
        if not self._is_due(now):
            self._next_look_us = to_us(now) + LOOK_EVERY_US
            return 0
        command = ExpireReservations(now=now, limit=BATCH)
        expired = self._writer.execute(expire_reservations, command).result
        self._next_look_us = 0 if expired else to_us(now) + LOOK_EVERY_US
        return expired

    def _is_due(self, now: datetime) -> bool:
        """A single query, cheaper than a transaction."""
        with self._database.reading() as connection:
            return SqlStockItemRepository(connection).any_is_due(now)
