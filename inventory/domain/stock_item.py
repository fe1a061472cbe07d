"""The stock item: how many pieces there are, and for which orders they are held."""

from collections.abc import Sequence
from datetime import datetime

import attrs

from inventory.domain.errors import (
    CorrectionExceedsStock,
    DeliveryAlreadyReceived,
    ReturnExceedsShipment,
    UnknownShipment,
)
from inventory.domain.events import (
    ReorderPointSet,
    ReservationChanged,
    StockCorrected,
    StockCounted,
    StockExpired,
    StockOpened,
    StockReceived,
    StockReleased,
    StockReopened,
    StockReserved,
    StockRetired,
    StockReturned,
    StockShipped,
)
from inventory.domain.stock_state import StockState
from inventory.domain.value_objects import (
    Count,
    CountedBy,
    DeliveryNote,
    Difference,
    OrderReference,
    Quantity,
    Reason,
    Receipt,
    ReorderPoint,
    Reservation,
    Shipment,
)
from shared_kernel.domain.sku import Sku


@attrs.define(eq=False, kw_only=True)
class StockItem(StockState):
    """Commands: each records what it changed, or raises a refusal."""

    @classmethod
    def open(cls, sku: Sku, on_hand: Count) -> "StockItem":
        item = cls(sku=sku, on_hand=on_hand.pieces)
        item.record(StockOpened(sku=sku, on_hand=on_hand.pieces))
        return item

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

        self._expire(due)
        return len(due)

    def expire_hold(self, order: OrderReference, now: datetime) -> None:
        """End the reservation of `order`, if its time is over."""
        held = self.reservations.get(order)
        if held is not None and held.until <= now:
            self._expire([order])

    def ship(self, order: OrderReference, quantity: Quantity | None = None) -> None:
        """All that is held for `order` leaves the shelf, or `quantity` of it.

        `available` does not change.
        """
        held = self.reservations.get(order)
        if held is None:
            self._refuse_to_ship_nothing(order, quantity)
            return
        pieces = held.pieces if quantity is None else quantity.pieces
        self._refuse_beyond_held(order, pieces, held)

        left = held.pieces - pieces
        self._end_reservation(order)
        if left:
            self._hold(order, attrs.evolve(held, pieces=left))
        self.on_hand -= pieces

        self.record(
            StockShipped(sku=self.sku, order=order, pieces=pieces, still_held=left)
        )
        shipped = self.shipments.get(order, Shipment(0, 0))
        self.shipments[order] = Shipment(
            shipped.pieces + pieces,
            self.version,
            shipped.returned,
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

    def _expire(self, due: Sequence[OrderReference]) -> None:
        before = self.availability
        for order in due:
            pieces = self._end_reservation(order)
            self.record(StockExpired(sku=self.sku, order=order, pieces=pieces))

        self._announce_change_from(before)

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
