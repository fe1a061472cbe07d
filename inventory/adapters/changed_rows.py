"""Writes the changes of one transaction to its stock items.

Rows are written by statement, not by item: each kind of change is one `executemany`.
"""

from collections.abc import Iterator, Sequence

import attrs
from sqlalchemy import Connection, bindparam, delete, insert, update

from inventory.adapters.rows import (
    receipt_to_row,
    reservation_to_row,
    shipment_to_row,
    stock_item_to_row,
)
from inventory.adapters.tables import receipts, reservations, shipments, stock_items
from inventory.domain.stock_item import StockItem
from inventory.domain.stock_items import About
from inventory.domain.value_objects import (
    DeliveryNote,
    OrderReference,
    Receipt,
    Reservation,
    Shipment,
)
from shared_kernel.storage.prepared import Prepared

_INSERT_ITEMS = Prepared(insert(stock_items))
_UPDATE_ITEMS = Prepared(
    update(stock_items).where(
        stock_items.c.sku == bindparam("stored_sku"),
        stock_items.c.version == bindparam("stored_version"),
    )
)
_DELETE_RESERVATIONS = Prepared(
    delete(reservations).where(
        reservations.c.sku == bindparam("stored_sku"),
        reservations.c.order_reference == bindparam("stored_order"),
    )
)
_INSERT_RESERVATIONS = Prepared(insert(reservations))
_UPDATE_SHIPMENTS = Prepared(
    update(shipments).where(
        shipments.c.order_reference == bindparam("stored_order"),
        shipments.c.sku == bindparam("stored_sku"),
    )
)
_INSERT_SHIPMENTS = Prepared(insert(shipments))
_INSERT_RECEIPTS = Prepared(insert(receipts))


@attrs.define
class Followed:
    """A stock item and its stored state; with version 0 it is not stored yet.

    What is `stored_…` are those that were read. Of the orders and delivery notes in
    `asked_for`, everything was read.
    """

    item: StockItem
    stored_version: int
    seen_version: int
    stored_reservations: dict[OrderReference, Reservation] = attrs.field(factory=dict)
    stored_shipments: dict[OrderReference, Shipment] = attrs.field(factory=dict)
    stored_receipts: dict[DeliveryNote, Receipt] = attrs.field(factory=dict)
    asked_for: set[About] = attrs.field(factory=set)

    @property
    def has_held(self) -> bool:
        return bool(self.item.reservations or self.stored_reservations)

    def knows(self, about: About) -> bool:
        return about in self.asked_for or self.stored_version == 0

    def has_stored(self, order: OrderReference, reservation: Reservation) -> None:
        # A row read again must not undo what has changed since it was read first.
        if order not in self.stored_reservations:
            self.stored_reservations[order] = reservation
            self.item.reservations[order] = reservation

    def has_shipped(self, order: OrderReference, shipment: Shipment) -> None:
        if order not in self.stored_shipments:
            self.stored_shipments[order] = shipment
            self.item.shipments[order] = shipment

    def has_received(self, reference: DeliveryNote, receipt: Receipt) -> None:
        if reference not in self.stored_receipts:
            self.stored_receipts[reference] = receipt
            self.item.receipts[reference] = receipt

    def new(self) -> Iterator[Reservation]:
        for reservation in self.item.reservations.values():
            if reservation.placed > self.stored_version:
                yield reservation

    def ended(self) -> Iterator[OrderReference]:
        held = self.item.reservations
        for order, stored in self.stored_reservations.items():
            if held.get(order) is not stored:
                yield order

    def placed(self) -> Iterator[tuple[OrderReference, Reservation]]:
        stored = self.stored_reservations
        for order, reservation in self.item.reservations.items():
            if stored.get(order) is not reservation:
                yield order, reservation

    def shipped(self, *, before: bool) -> Iterator[tuple[OrderReference, Shipment]]:
        """Changed shipments, of the orders that had one `before` or had none."""
        for order, shipment in self.item.shipments.items():
            stored = self.stored_shipments.get(order)
            if shipment is not stored and before is (stored is not None):
                yield order, shipment

    def received(self) -> Iterator[tuple[DeliveryNote, Receipt]]:
        for reference, receipt in self.item.receipts.items():
            if reference not in self.stored_receipts:
                yield reference, receipt


def write(connection: Connection, unwritten: Sequence[Followed]) -> None:
    """Raises ConcurrentUpdateError if a stock item has changed since it was read."""
    _write_items(connection, unwritten)
    _write_reservations(connection, [each for each in unwritten if each.has_held])
    _write_shipments(connection, [each for each in unwritten if each.item.shipments])
    _INSERT_RECEIPTS.write_checked(
        connection,
        [
            receipt_to_row(followed.item.sku, reference, receipt)
            for followed in unwritten
            if followed.item.receipts
            for reference, receipt in followed.received()
        ],
    )


def _write_items(connection: Connection, unwritten: Sequence[Followed]) -> None:
    new, known = [], []
    for followed in unwritten:
        row = stock_item_to_row(followed.item)
        if followed.stored_version == 0:
            new.append(row)
        else:
            row["stored_sku"] = row.pop("sku")
            row["stored_version"] = followed.stored_version
            known.append(row)
    _INSERT_ITEMS.write_checked(connection, new)
    _UPDATE_ITEMS.write_checked(connection, known)


def _write_reservations(connection: Connection, unwritten: Sequence[Followed]) -> None:
    # Deletes come before inserts: what an order holds may have changed.
    _DELETE_RESERVATIONS.write_checked(
        connection,
        [
            {"stored_sku": followed.item.sku.code, "stored_order": order.code}
            for followed in unwritten
            for order in followed.ended()
        ],
    )
    _INSERT_RESERVATIONS.write_checked(
        connection,
        [
            reservation_to_row(followed.item.sku, order, reservation)
            for followed in unwritten
            for order, reservation in followed.placed()
        ],
    )


def _write_shipments(connection: Connection, unwritten: Sequence[Followed]) -> None:
    changed = [
        shipment_to_row(followed.item.sku, order, shipment)
        for followed in unwritten
        for order, shipment in followed.shipped(before=True)
    ]
    for row in changed:
        row["stored_order"] = row.pop("order_reference")
        row["stored_sku"] = row.pop("sku")
    _UPDATE_SHIPMENTS.write_checked(connection, changed)
    _INSERT_SHIPMENTS.write_checked(
        connection,
        [
            shipment_to_row(followed.item.sku, order, shipment)
            for followed in unwritten
            for order, shipment in followed.shipped(before=False)
        ],
    )
