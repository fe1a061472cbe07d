"""The stock item: how many pieces there are, and for which orders they are held."""

from datetime import datetime

import attrs

from inventory.domain.errors import (
    CorrectionExceedsStock,
    DeliveryAlreadyReceived,
    InsufficientStock,
    OrderAlreadyShipped,
    ReturnExceedsShipment,
    ShipmentExceedsReservation,
    UnknownReservation,
    UnknownShipment,
)
from inventory.domain.events import (
    ReleasedHold,
    ReorderPointSet,
    ReservationChanged,
    StockCorrected,
    StockCounted,
    StockDepleted,
    StockExpired,
    StockLow,
    StockOpened,
    StockReceived,
    StockReleased,
    StockReopened,
    StockReplenished,
    StockReserved,
    StockRetired,
    StockReturned,
    StockShipped,
)
from inventory.domain.value_objects import (
    Availability,
    Count,
    CountedBy,
    DeliveryNote,
    Difference,
    Hold,
    OrderReference,
    Quantity,
    Reason,
    Receipt,
    ReorderPoint,
    Reservation,
    Shipment,
    StockLevel,
)
from shared_kernel.domain.aggregate import Aggregate
from shared_kernel.domain.sku import Sku


@attrs.define(eq=False, kw_only=True)
class StockItem(Aggregate):
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

    @classmethod
    def open(cls, sku: Sku, on_hand: Count) -> "StockItem":
        item = cls(sku=sku, on_hand=on_hand.pieces)
        item.record(StockOpened(sku=sku, on_hand=on_hand.pieces))
        return item

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

    def receive(
        self, quantity: Quantity, at: datetime, reference: DeliveryNote | None = None
    ) -> None:
        """A delivery note is received once."""
        if reference and (first := self.receipts.get(reference)):
            raise DeliveryAlreadyReceived(
                sku=self.sku.code,
                reference=reference.code,
                pieces=first.pieces,
                received_on=first.received,
            )

        before = self.availability
        self.on_hand += quantity.pieces
        if reference:
            self.receipts[reference] = Receipt(quantity.pieces, at)

        self.record(
            StockReceived(sku=self.sku, pieces=quantity.pieces, reference=reference)
        )
        self._announce_change_from(before)

    def count(
        self,
        counted: Count,
        reason: Reason,
        at: datetime,
        counted_by: CountedBy | None = None,
    ) -> None:
        """A stocktake is never refused; it releases reservations that no longer fit.

        The newest reservations are loaded, as many as exceed what was counted.
        """
        before = self.availability
        difference = counted.pieces - self.on_hand
        self.on_hand = counted.pieces
        self.last_counted = at
        released = self._release_newest_until_the_rest_fits()

        self.record(
            StockCounted(
                sku=self.sku,
                on_hand=self.on_hand,
                difference=difference,
                reason=reason,
                counted_by=counted_by,
                released=released,
            )
        )
        self._announce_change_from(before)

    def after(self, difference: Difference) -> int:
        """The pieces on hand after a correction. Raises CorrectionExceedsStock."""
        left = self.on_hand + difference.pieces
        if left < 0:
            raise CorrectionExceedsStock(
                sku=self.sku.code, asked=-difference.pieces, on_hand=self.on_hand
            )
        return left

    def correct(self, difference: Difference, reason: Reason) -> None:
        """As a count that finds so many more or fewer, but nobody counted."""
        left = self.after(difference)

        before = self.availability
        self.on_hand = left
        released = self._release_newest_until_the_rest_fits()

        self.record(
            StockCorrected(
                sku=self.sku,
                difference=difference.pieces,
                reason=reason,
                released=released,
            )
        )
        self._announce_change_from(before)

    def hold_of(self, order: OrderReference) -> Hold:
        held, shipment = self.reservations.get(order), self.shipments.get(order)
        return Hold(
            order=order,
            held=held.pieces if held else 0,
            until=held.until if held else None,
            shipped=shipment.pieces if shipment else 0,
            returned=shipment.returned if shipment else 0,
            level=self.level,
        )

    def reserve(
        self,
        quantity: Quantity,
        order: OrderReference,
        until: datetime,
        *,
        lengthens: bool = True,
    ) -> None:
        """Hold `quantity` in all for `order`, which may hold another number by now.

        Of two ends the later holds, unless `lengthens` is false: then `until` is only
        for an order that holds nothing yet.
        """
        if held := self.reservations.get(order):
            end = max(held.until, until) if lengthens else held.until
            self._change(
                order, held, attrs.evolve(held, pieces=quantity.pieces, until=end)
            )
            return
        self._refuse_if_complete(order)
        self._refuse_beyond_available(quantity.pieces)

        before = self.availability
        placed = self.version + 1
        self._hold(order, Reservation(quantity.pieces, until, placed))

        self.record(
            StockReserved(
                sku=self.sku, order=order, pieces=quantity.pieces, until=until
            )
        )
        self._announce_change_from(before)

    def release(self, order: OrderReference) -> None:
        if order not in self.reservations:
            self._refuse_if_complete(order)
            return

        before = self.availability
        pieces = self._end_reservation(order)

        self.record(StockReleased(sku=self.sku, order=order, pieces=pieces))
        self._announce_change_from(before)

    def expire(self, now: datetime) -> int:
        """End every loaded reservation that has expired; return how many."""
        due = [order for order, held in self.reservations.items() if held.until <= now]

        before = self.availability
        for order in due:
            pieces = self._end_reservation(order)
            self.record(StockExpired(sku=self.sku, order=order, pieces=pieces))

        self._announce_change_from(before)
        return len(due)

    def ship(self, order: OrderReference, quantity: Quantity | None = None) -> None:
        """All that is held for `order` leaves the shelf, or `quantity` of it.

        `available` does not change.
        """
        held = self.reservations.get(order)
        if held is None:
            if quantity is not None:
                self._refuse_if_complete(order)
            elif self._is_complete(order):
                return
            raise UnknownReservation(sku=self.sku.code, order=order.code)
        pieces = held.pieces if quantity is None else quantity.pieces
        if pieces > held.pieces:
            raise ShipmentExceedsReservation(
                sku=self.sku.code, order=order.code, asked=pieces, held=held.pieces
            )

        left = held.pieces - pieces
        self._end_reservation(order)
        if left:
            self._hold(order, attrs.evolve(held, pieces=left))
        self.on_hand -= pieces

        self.record(
            StockShipped(sku=self.sku, order=order, pieces=pieces, still_held=left)
        )
        shipped = self.shipments.get(order, Shipment(0, 0))
        self.shipments[order] = attrs.evolve(
            shipped,
            pieces=shipped.pieces + pieces,
            version=self.version,
            complete=not left,
        )

    def take_back(
        self, order: OrderReference, quantity: Quantity, reason: Reason | None = None
    ) -> None:
        """Pieces that have shipped for `order` are on the shelf again."""
        shipment = self.shipments.get(order)
        if shipment is None:
            raise UnknownShipment(sku=self.sku.code, order=order.code)
        if quantity.pieces > shipment.returnable:
            raise ReturnExceedsShipment(
                sku=self.sku.code,
                order=order.code,
                asked=quantity.pieces,
                returnable=shipment.returnable,
            )

        before = self.availability
        self.on_hand += quantity.pieces

        self.record(
            StockReturned(
                sku=self.sku, order=order, pieces=quantity.pieces, reason=reason
            )
        )
        self.shipments[order] = attrs.evolve(
            shipment,
            returned=shipment.returned + quantity.pieces,
            version=self.version,
        )
        self._announce_change_from(before)

    def set_reorder_point(self, point: ReorderPoint) -> None:
        if point.pieces == self.reorder_point:
            return

        before = self.availability
        self.reorder_point = point.pieces

        self.record(ReorderPointSet(sku=self.sku, reorder_point=point.pieces))
        self._announce_change_from(before)

    def retire(self) -> None:
        if self.retired:
            return

        self.retired = True

        self.record(StockRetired(sku=self.sku))

    def reopen(self) -> None:
        if not self.retired:
            return

        self.retired = False

        self.record(StockReopened(sku=self.sku))

    def _change(
        self, order: OrderReference, held: Reservation, wanted: Reservation
    ) -> None:
        if wanted == held:
            return
        self._refuse_beyond_available(wanted.pieces, held.pieces)

        before = self.availability
        self._end_reservation(order)
        self._hold(order, wanted)

        self.record(
            ReservationChanged(
                sku=self.sku,
                order=order,
                pieces=wanted.pieces,
                until=wanted.until,
                pieces_before=held.pieces,
            )
        )
        self._announce_change_from(before)

    def _refuse_beyond_available(self, asked: int, held: int = 0) -> None:
        if asked - held > self.available:
            raise InsufficientStock(
                sku=self.sku.code, asked=asked, held=held, available=self.available
            )

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
