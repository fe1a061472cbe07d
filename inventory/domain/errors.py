"""Inventory's refusals.

DomainError
├── UnknownStockItem      nothing was opened under this SKU
├── StockItemIsRetired    it receives and reserves nothing until its product is relisted
├── InsufficientStock     more was asked than is available
├── UnknownReservation    the order holds nothing that could ship
├── ShipmentExceedsReservation   the order holds fewer pieces
├── OrderAlreadyShipped   all its pieces have left the shelf
├── UnknownShipment       nothing was shipped that could come back
└── ReturnExceedsShipment fewer pieces were shipped and have not come back
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
    """All numbers are pieces. Of those `asked` for, the order holds `held` already."""

    sku: str
    asked: int
    held: int = 0
    available: int

    def __str__(self) -> str:
        held = f", of which {self.held} are held already" if self.held else ""
        return (
            f"{self.sku} has {self.available} available, "
            f"{self.asked} were asked for{held}"
        )


@attrs.frozen(kw_only=True)
class UnknownReservation(DomainError):
    sku: str
    order: str

    def __str__(self) -> str:
        return f"order {self.order} holds nothing of {self.sku}"


@attrs.frozen(kw_only=True)
class ShipmentExceedsReservation(DomainError):
    """`asked` and `held` are pieces."""

    sku: str
    order: str
    asked: int
    held: int

    def __str__(self) -> str:
        return (
            f"order {self.order} holds {self.held} of {self.sku}, "
            f"so {self.asked} cannot ship"
        )


@attrs.frozen(kw_only=True)
class UnknownShipment(DomainError):
    sku: str
    order: str

    def __str__(self) -> str:
        return f"order {self.order} has shipped nothing of {self.sku}"


@attrs.frozen(kw_only=True)
class ReturnExceedsShipment(DomainError):
    """`asked` and `returnable` are pieces."""

    sku: str
    order: str
    asked: int
    returnable: int

    def __str__(self) -> str:
        return (
            f"of {self.sku}, order {self.order} can return {self.returnable}, "
            f"not {self.asked}: no more were shipped and have not come back"
        )


@attrs.frozen(kw_only=True)
class OrderAlreadyShipped(DomainError):
    """`shipped` is in pieces, to distinguish a repeated order from a different one."""

    sku: str
    order: str
    shipped: int

    def __str__(self) -> str:
        return f"order {self.order} has already shipped {self.shipped} of {self.sku}"
