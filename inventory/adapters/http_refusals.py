"""Inventory's refusals as problems."""

from inventory.domain.errors import (
    CorrectionExceedsStock,
    DeliveryAlreadyReceived,
    InsufficientStock,
    OrderAlreadyShipped,
    ReturnExceedsShipment,
    ShipmentExceedsReservation,
    UnknownReservation,
    UnknownShipment,
    UnknownStockItem,
)
from shared_kernel.domain.errors import DomainError
from shared_kernel.domain.sku import Sku
from shared_kernel.web.parameters import sku_in_path
from shared_kernel.web.problems import UNKNOWN_SKU, ProblemKind, kind

INSUFFICIENT_STOCK = kind(
    "insufficient-stock",
    409,
    "There is not enough",
    "More pieces were asked for than are `available`, besides those that the order "
    "already has `held`.",
)
DELIVERY_ALREADY_RECEIVED = kind(
    "delivery-already-received",
    409,
    "The delivery was received before",
    "`reference` was booked on `received_on`, with so many `pieces` of this SKU.",
)
CORRECTION_EXCEEDS_STOCK = kind(
    "correction-exceeds-stock",
    409,
    "There are fewer on hand",
    "No more pieces can be missing than are `on_hand`.",
)
SHIPMENT_EXCEEDS_RESERVATION = kind(
    "shipment-exceeds-reservation",
    409,
    "The order holds fewer",
    "No more pieces can ship than are `held` for the order.",
)
UNKNOWN_SHIPMENT = kind(
    "unknown-shipment",
    404,
    "There is no such shipment",
    "The order has shipped nothing that could come back.",
)
RETURN_EXCEEDS_SHIPMENT = kind(
    "return-exceeds-shipment",
    409,
    "The order has shipped fewer",
    "No more pieces can come back than have shipped and have not come back yet: "
    "`returnable`.",
)
ORDER_ALREADY_SHIPPED = kind(
    "order-already-shipped",
    409,
    "The order has shipped",
    "All that it held has left the shelf.",
)
UNKNOWN_RESERVATION = kind(
    "unknown-reservation",
    404,
    "There is no such reservation",
    "The order holds nothing.",
)

INVENTORY_REFUSALS: dict[type[DomainError], ProblemKind] = {
    UnknownStockItem: UNKNOWN_SKU,
    DeliveryAlreadyReceived: DELIVERY_ALREADY_RECEIVED,
    CorrectionExceedsStock: CORRECTION_EXCEEDS_STOCK,
    InsufficientStock: INSUFFICIENT_STOCK,
    ShipmentExceedsReservation: SHIPMENT_EXCEEDS_RESERVATION,
    OrderAlreadyShipped: ORDER_ALREADY_SHIPPED,
    UnknownReservation: UNKNOWN_RESERVATION,
    UnknownShipment: UNKNOWN_SHIPMENT,
    ReturnExceedsShipment: RETURN_EXCEEDS_SHIPMENT,
}


def known_sku(sku: str) -> Sku:
    """Text that is not a valid SKU belongs to no item. Raises UnknownStockItem."""
    return sku_in_path(sku, UnknownStockItem)
