"""Inventory's refusals.

DomainError
├── UnknownStockItem      nothing was opened under this SKU
├── StockItemIsRetired    it receives and reserves nothing until its product is relisted
├── InsufficientStock     more was asked than is available
├── ReservationDiffers    the order holds another number of pieces
├── UnknownReservation    the order holds nothing that could ship
└── OrderAlreadyShipped   its pieces have left the shelf
"""

import attrs

from shared_kernel.domain.errors import DomainError


@attrs.frozen(kw_only=True)
class UnknownStockItem(DomainError):
    sku: str

    def __str__(self) -> str:
        return f"there is no stock item {self.sku}"


@attrs.frozen(kw_only=True)
class StockItemIsRetired(DomainError):
    sku: str

    def __str__(self) -> str:
        return f"{self.sku} is retired; nothing of it is received or reserved"


@attrs.frozen(kw_only=True)
class InsufficientStock(DomainError):
    """`asked` and `available` are pieces."""

    sku: str
    asked: int
    available: int

    def __str__(self) -> str:
        return f"{self.sku} has {self.available} available, {self.asked} were asked for"


@attrs.frozen(kw_only=True)
class ReservationDiffers(DomainError):
    """`asked` and `reserved` are pieces."""

    sku: str
    order: str
    asked: int
    reserved: int

    def __str__(self) -> str:
        return (
            f"order {self.order} already holds {self.reserved} of {self.sku}, "
            f"not {self.asked}; release them first"
        )


@attrs.frozen(kw_only=True)
class UnknownReservation(DomainError):
    sku: str
    order: str

    def __str__(self) -> str:
        return f"order {self.order} holds nothing of {self.sku}"


@attrs.frozen(kw_only=True)
class OrderAlreadyShipped(DomainError):
    """`shipped` is in pieces, to distinguish a repeated order from a different one."""

    sku: str
    order: str
    shipped: int

    def __str__(self) -> str:
        return f"order {self.order} has already shipped {self.shipped} of {self.sku}"
