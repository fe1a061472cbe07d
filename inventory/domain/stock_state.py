"""What is known of a stock item, and what follows from it."""

from datetime import datetime

import attrs

from inventory.domain.errors import (
    InsufficientStock,
    OrderAlreadyShipped,
    ShipmentExceedsReservation,
    UnknownReservation,
)
from inventory.domain.events import (
    ReleasedHold,
    StockDepleted,
    StockLow,
    StockReplenished,
)
from inventory.domain.value_objects import (
    Availability,
    DeliveryNote,
    Hold,
    OrderReference,
    Quantity,
    Receipt,
    Reservation,
    Shipment,
    StockLevel,
)
from shared_kernel.domain.aggregate import Aggregate
from shared_kernel.domain.sku import Sku


@attrs.define(eq=False, kw_only=True)
class StockState(Aggregate):
    """Available = on hand - reserved, in pieces, and never negative.

    `reserved` is the sum of all reservations. `reservations`, `shipments` and
    `receipts` have only those that the item was loaded with: there can be any number.
    """

    sku: Sku
    on_hand: int
    reorder_point: int = 0
    retired: bool = False
    reserved: int = 0
    reservations: dict[OrderReference, Reservation] = attrs.field(factory=dict)
    shipments: dict[OrderReference, Shipment] = attrs.field(factory=dict)
    receipts: dict[DeliveryNote, Receipt] = attrs.field(factory=dict)
    last_counted: datetime | None = None

    @property
    def key(self) -> str:
        return self.sku.code

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved

    @property
    def availability(self) -> Availability:
        if self.retired:
            return Availability.RETIRED
        available = self.on_hand - self.reserved
        if available == 0:
            return Availability.OUT_OF_STOCK
        if available <= self.reorder_point:
            return Availability.LOW
        return Availability.IN_STOCK

    @property
    def level(self) -> StockLevel:
        return StockLevel(
            sku=self.sku,
            on_hand=self.on_hand,
            reserved=self.reserved,
            available=self.available,
            availability=self.availability,
            version=self.version,
            last_counted=self.last_counted,
        )

    def holds(self, order: OrderReference, at: datetime | None = None) -> bool:
        """Whether a reservation of `order` is loaded; `at` a moment, before its end."""
        held = self.reservations.get(order)
        return held is not None and (at is None or at < held.until)

    def hold_of(self, order: OrderReference, at: datetime | None = None) -> Hold:
        """`at` a moment: nothing is held whose time is over by then."""
        held = self.reservations.get(order) if self.holds(order, at) else None
        shipment = self.shipments.get(order)
        return Hold(
            order=order,
            held=held.pieces if held else 0,
            until=held.until if held else None,
            shipped=shipment.pieces if shipment else 0,
            returned=shipment.returned if shipment else 0,
            level=self.level,
        )

    def _refuse_beyond_available(self, asked: int, held: int = 0) -> None:
        if asked - held > self.available:
            raise InsufficientStock(
                sku=self.sku.code, asked=asked, held=held, available=self.available
            )

    def _refuse_beyond_held(
        self, order: OrderReference, asked: int, held: Reservation
    ) -> None:
        if asked > held.pieces:
            raise ShipmentExceedsReservation(
                sku=self.sku.code, order=order.code, asked=asked, held=held.pieces
            )

    def _refuse_to_ship_nothing(
        self, order: OrderReference, quantity: Quantity | None
    ) -> None:
        """Unless it is reported again, without a number, that all has shipped."""
        if quantity is not None:
            self._refuse_if_complete(order)
        elif self._is_complete(order):
            return
        raise UnknownReservation(sku=self.sku.code, order=order.code)

    def _is_complete(self, order: OrderReference) -> bool:
        shipment = self.shipments.get(order)
        return shipment is not None and shipment.complete

    def _refuse_if_complete(self, order: OrderReference) -> None:
        if self._is_complete(order):
            raise OrderAlreadyShipped(
                sku=self.sku.code,
                order=order.code,
                shipped=self.shipments[order].pieces,
            )

    def _hold(self, order: OrderReference, reservation: Reservation) -> None:
        self.reservations[order] = reservation
        self.reserved += reservation.pieces

    def _end_reservation(self, order: OrderReference) -> int:
        pieces = self.reservations.pop(order).pieces
        self.reserved -= pieces
        return pieces

    def _release_newest_until_the_rest_fits(self) -> tuple[ReleasedHold, ...]:
        def placed(order: OrderReference) -> int:
            return self.reservations[order].placed

        newest = iter(sorted(self.reservations, key=placed, reverse=True))
        released = []
        while self.reserved > self.on_hand:
            order = next(newest)
            pieces = self._end_reservation(order)
            released.append(ReleasedHold(order, pieces))
        return tuple(released)

    def _announce_change_from(self, before: Availability) -> None:
        # A retired item announces nothing, whatever its numbers.
        now = self.availability
        if now is before:
            return
        if now is Availability.OUT_OF_STOCK:
            self.record(StockDepleted(sku=self.sku))
        elif before is Availability.OUT_OF_STOCK:
            self.record(StockReplenished(sku=self.sku))
        if now is Availability.LOW:
            self.record(StockLow(sku=self.sku, reorder_point=self.reorder_point))
