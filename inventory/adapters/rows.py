"""Domain objects to rows and back. A row has its table's columns, in their order."""

from collections.abc import Sequence
from typing import Any

from inventory.domain.stock_item import StockItem
from inventory.domain.value_objects import (
    DeliveryNote,
    OrderReference,
    Receipt,
    Reservation,
    Shipment,
)
from shared_kernel.clock import from_us, to_us
from shared_kernel.domain.sku import Sku

Row = Sequence[Any]


def stock_item_to_row(item: StockItem) -> dict[str, Any]:
    return {
        "sku": item.sku.code,
        "on_hand": item.on_hand,
        "reorder_point": item.reorder_point,
        "retired": item.retired,
        "version": item.version,
        "reserved": item.reserved,
        "last_counted_us": item.last_counted and to_us(item.last_counted),
    }


def stock_item_from_row(row: Row) -> StockItem:
    sku, on_hand, reorder_point, retired, version, reserved, counted_us = row
    return StockItem(
        sku=Sku(sku),
        on_hand=on_hand,
        reorder_point=reorder_point,
        retired=bool(retired),
        version=version,
        reserved=reserved,
        last_counted=None if counted_us is None else from_us(counted_us),
    )


def reservation_to_row(
    sku: Sku, order: OrderReference, reservation: Reservation
) -> dict[str, Any]:
    return {
        "order_reference": order.code,
        "sku": sku.code,
        "pieces": reservation.pieces,
        "until_us": to_us(reservation.until),
        "placed": reservation.placed,
    }


def reservation_from_row(row: Row) -> tuple[OrderReference, Reservation]:
    order_reference, _, pieces, until_us, placed = row
    reservation = Reservation(pieces, from_us(until_us), placed)
    return OrderReference.from_code(order_reference), reservation


def shipment_to_row(
    sku: Sku, order: OrderReference, shipment: Shipment
) -> dict[str, Any]:
    return {
        "order_reference": order.code,
        "sku": sku.code,
        "pieces": shipment.pieces,
        "shipped_version": shipment.version,
        "returned": shipment.returned,
        "complete": shipment.complete,
    }


def shipment_from_row(row: Row) -> tuple[OrderReference, Shipment]:
    order_reference, _, pieces, version, returned, complete = row
    shipment = Shipment(pieces, version, returned, bool(complete))
    return OrderReference.from_code(order_reference), shipment


def receipt_to_row(
    sku: Sku, reference: DeliveryNote, receipt: Receipt
) -> dict[str, Any]:
    return {
        "reference": reference.code,
        "sku": sku.code,
        "pieces": receipt.pieces,
        "received_us": to_us(receipt.received),
    }


def receipt_from_row(row: Row) -> tuple[DeliveryNote, Receipt]:
    reference, _, pieces, received_us = row
    return DeliveryNote(reference), Receipt(pieces, from_us(received_us))
