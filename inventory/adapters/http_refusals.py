"""Inventory's refusals as problems."""

from inventory.domain.errors import (
    InsufficientStock,
    OrderAlreadyShipped,
    ReservationDiffers,
    StockItemIsRetired,
    UnknownReservation,
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
    "More pieces were asked for than are `available`.",
)
STOCK_ITEM_IS_RETIRED = kind(
    "stock-item-is-retired",
    409,
    "The stock item is retired",
    "Its product was discontinued: nothing new is received or reserved.",
)
RESERVATION_DIFFERS = kind(
    "reservation-differs",
    409,
    "The order holds another quantity",
    "Release what the order holds before you reserve another quantity for it.",
)
ORDER_ALREADY_SHIPPED = kind(
    "order-already-shipped",
    409,
    "The order has shipped",
    "Its pieces have left the shelf.",
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
    ReservationDiffers: RESERVATION_DIFFERS,
    OrderAlreadyShipped: ORDER_ALREADY_SHIPPED,
    UnknownReservation: UNKNOWN_RESERVATION,
}


def known_sku(sku: str) -> Sku:
    """Text that is not a valid SKU belongs to no item. Raises UnknownStockItem."""
    return sku_in_path(sku, UnknownStockItem)
