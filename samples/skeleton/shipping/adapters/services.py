"""The unit of work and the policy of shipping, and what its routes need."""

from collections.abc import Sequence
from typing import Any

import attrs
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Clock
from shared_kernel.events.consistency import Reader
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.unit_of_work import SqlUnitOfWork
from shared_kernel.events.writer import Writer
from shared_kernel.storage.database import Database
from shipping.adapters import catalog_acl
from shipping.adapters.publisher import publish
from shipping.adapters.repository import SqlParcelRepository, SqlProductRepository
from shipping.domain.parcel import Parcel


class SqlShippingUnitOfWork(SqlUnitOfWork[Parcel]):
    """Parcels and the event log; products are only read."""

    def __init__(self, connection: Connection, log: EventLog, clock: Clock) -> None:
        self.parcels = SqlParcelRepository(connection)
        self.products = SqlProductRepository(connection)
        super().__init__(connection, log, self.parcels, publish, clock)

    def prefetch(self, commands: Sequence[Any]) -> None:
        self.parcels.prefetch_keys(command.reference.code for command in commands)


def keep_products(batch: Sequence[Envelope], connection: Connection) -> None:
    """Store the products of the catalog's events; a repeated event changes nothing.

    Within the transaction that moves the cursor. Raises UnreadableEventError.
    """
    SqlProductRepository(connection).put(catalog_acl.products(batch))


@attrs.frozen(kw_only=True)
class ShippingServices:
    """`writer` executes commands, and `products` waits for events of the catalog.

    `read_database` has the parcel list, and `parcels` waits until it shows a change.
    """

    consistency_timeout_ms: int
    clock: Clock
    writer: Writer[SqlShippingUnitOfWork]
    read_database: Database
    products: Reader
    parcels: Reader
