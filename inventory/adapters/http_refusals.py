"""Inventory's refusals as problems."""

from inventory.domain.errors import (
    InsufficientStock,
    OrderAlreadyShipped,
    ReturnExceedsShipment,
    ShipmentExceedsReservation,
    StockItemIsRetired,
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
STOCK_ITEM_IS_RETIRED = kind(
    "stock-item-is-retired",
    409,
    "The stock item is retired",
    "Its product was discontinued: nothing new is received or reserved.",
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
    StockItemIsRetired: STOCK_ITEM_IS_RETIRED,
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
