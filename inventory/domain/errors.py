"""Inventory's refusals.

DomainError
├── UnknownStockItem      nothing was opened under this SKU
├── DeliveryAlreadyReceived   its delivery note was booked before
├── CorrectionExceedsStock    fewer pieces are on hand than it would take
├── InsufficientStock     more was asked than is available
├── UnknownReservation    the order holds nothing that could ship
├── ShipmentExceedsReservation   the order holds fewer pieces
├── OrderAlreadyShipped   all its pieces have left the shelf
├── UnknownShipment       nothing was shipped that could come back
└── ReturnExceedsShipment fewer pieces were shipped and have not come back
"""

from datetime import datetime

import attrs

from shared_kernel.domain.errors import DomainError


@attrs.frozen(kw_only=True)
class UnknownStockItem(DomainError):
    sku: str

    def __str__(self) -> str:
        return f"there is no stock item {self.sku}"


@attrs.frozen(kw_only=True)
class DeliveryAlreadyReceived(DomainError):
    """`pieces` were received of it at the moment `received_on`."""

    sku: str
    reference: str
    pieces: int
    received_on: datetime

    def __str__(self) -> str:
        return (
            f"delivery {self.reference} was received on {self.received_on:%Y-%m-%d}: "
            f"{self.pieces} of {self.sku}"
        )


@attrs.frozen(kw_only=True)
class CorrectionExceedsStock(DomainError):
    """`asked` pieces were to be taken, `on_hand` are there."""

    sku: str
    asked: int
    on_hand: int

    def __str__(self) -> str:
        return f"{self.sku} has {self.on_hand} on hand, {self.asked} cannot be missing"


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
