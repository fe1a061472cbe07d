"""The stock item: how many pieces there are, and for which orders they are held."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import attrs

from inventory.domain.errors import (
    InsufficientStock,
    OrderAlreadyShipped,
    ReservationDiffers,
    StockItemIsRetired,
    UnknownReservation,
)
from inventory.domain.events import (
    ReorderPointSet,
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
    StockShipped,
)
from inventory.domain.value_objects import (
    Availability,
    Count,
    OrderReference,
    Quantity,
    Reason,
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

    `reserved` is the sum of all reservations. `reservations` and `shipments` have only
    those that the item was loaded with, since there can be any number of them.
    """

    sku: Sku
    on_hand: int
    reorder_point: int = 0
    retired: bool = False
    reserved: int = 0
    reservations: dict[OrderReference, Reservation] = attrs.field(factory=dict)
    shipments: dict[OrderReference, Shipment] = attrs.field(factory=dict)

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
        )

    def receive(self, quantity: Quantity) -> None:
        if self.retired:
            raise StockItemIsRetired(sku=self.sku.code)

        before = self.availability
        self.on_hand += quantity.pieces

        self.record(StockReceived(sku=self.sku, pieces=quantity.pieces))
        self._announce_change_from(before)

    def count(self, counted: Count, reason: Reason) -> None:
        """A stocktake is never refused; it releases reservations that no longer fit.

        The newest reservations are loaded, as many as exceed what was counted.
        """
        if counted.pieces == self.on_hand:
            return

        before = self.availability
        self.on_hand = counted.pieces
        released = self._release_newest_until_the_rest_fits()

        self.record(
            StockCounted(
                sku=self.sku, on_hand=self.on_hand, reason=reason, released=released
            )
        )
        self._announce_change_from(before)

    def reserve(
        self, quantity: Quantity, order: OrderReference, until: datetime
    ) -> None:
        if shipment := self.shipments.get(order):
            raise OrderAlreadyShipped(
                sku=self.sku.code, order=order.code, shipped=shipment.pieces
            )
        if held := self.reservations.get(order):
            if held.pieces == quantity.pieces:
                return
            raise ReservationDiffers(
                sku=self.sku.code,
                order=order.code,
                asked=quantity.pieces,
                reserved=held.pieces,
            )
        if self.retired:
            raise StockItemIsRetired(sku=self.sku.code)
        if quantity.pieces > self.available:
            raise InsufficientStock(
                sku=self.sku.code, asked=quantity.pieces, available=self.available
            )
        reservation = Reservation(quantity.pieces, until, placed=self.version + 1)

        before = self.availability
        self.reservations[order] = reservation
        self.reserved += reservation.pieces

        self.record(
            StockReserved(
                sku=self.sku, order=order, pieces=quantity.pieces, until=until
            )
        )
        self._announce_change_from(before)

    def release(self, order: OrderReference) -> None:
        if shipment := self.shipments.get(order):
            raise OrderAlreadyShipped(
                sku=self.sku.code, order=order.code, shipped=shipment.pieces
            )
        if order not in self.reservations:
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

    def ship(self, order: OrderReference) -> None:
        """Pieces held for `order` leave the shelf; `available` does not change."""
        if order in self.shipments:
            return
        if order not in self.reservations:
            raise UnknownReservation(sku=self.sku.code, order=order.code)

        pieces = self._end_reservation(order)
        self.on_hand -= pieces

        self.record(StockShipped(sku=self.sku, order=order, pieces=pieces))
        self.shipments[order] = Shipment(pieces, self.version)

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

    def _end_reservation(self, order: OrderReference) -> int:
        pieces = self.reservations.pop(order).pieces
        self.reserved -= pieces
        return pieces

    def _release_newest_until_the_rest_fits(self) -> tuple[OrderReference, ...]:
        def placed(order: OrderReference) -> int:
            return self.reservations[order].placed

        newest = iter(sorted(self.reservations, key=placed, reverse=True))
        released = []
        while self.reserved > self.on_hand:
            order = next(newest)
            self._end_reservation(order)
            released.append(order)
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


class StockItemRepository(Protocol):
    """All stock items, each loaded with what `order` holds and has shipped."""

    def find(
        self, sku: Sku, order: OrderReference | None = None
    ) -> StockItem | None: ...

    def get(self, sku: Sku, order: OrderReference | None = None) -> StockItem:
        """Raises UnknownStockItem."""
        ...

    def add(self, item: StockItem) -> None: ...

    def with_expired_reservations(
        self, now: datetime, limit: int
    ) -> Sequence[StockItem]:
        """The items with the `limit` reservations that ended first, and these."""
        ...

    def load_newest_reservations(self, item: StockItem, pieces: int) -> None:
        """Load the newest of `item` until they hold `pieces` or more together."""
        ...
