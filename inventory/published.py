"""Inventory's published language: what others may rely on (source `/inventory`).

Every event carries the whole public state of its stock item as committed. Docstrings
tell the fields: meaning, unit in brackets, an example. These become part of the schema;
a changed meaning or unit fails the build.
"""

import attrs


@attrs.frozen(kw_only=True)
class StockEvent:
    """What every event of a stock item tells.

    sku: the code of the product, e.g. "LAMP-0001"
    on_hand: how many are on the shelf [pieces], e.g. 12
    reserved: how many of these are held for orders [pieces], e.g. 2
    available: how many can be reserved: on hand less reserved [pieces], e.g. 10
    availability: in one word for shoppers [in_stock, low, out_of_stock or retired],
        e.g. "in_stock"
    version: the number of this fact in the stock item's life, from 1 on, e.g. 7
    """

    sku: str
    on_hand: int
    reserved: int
    available: int
    availability: str
    version: int


@attrs.frozen(kw_only=True)
class StockOpened(StockEvent):
    """A stock item came to be, with `on_hand` pieces."""


@attrs.frozen(kw_only=True)
class StockReceived(StockEvent):
    """`pieces` came in, by the delivery note `reference` if that was given.

    pieces: how many came in [pieces], e.g. 12
    reference: the delivery note, as its sender names it, null if there is none,
        e.g. "DN-2026/17"
    """

    pieces: int
    reference: str | None = None


@attrs.frozen(kw_only=True)
class StockCountedV1(StockEvent):
    """A stocktake found `on_hand` pieces, for the given `reason`.

    That is `difference` more than was known, or fewer; earlier versions did not tell.
    The orders in `released_orders`, newest first, lost what was reserved for them.

    reason: why it was counted, in words, e.g. "yearly stocktake"
    released_orders: references of orders that lost all of what they held, newest first,
        e.g. ["ORDER-7"]
    difference: how many more were found than were known, negative if fewer, null if an
        earlier version recorded it [pieces], e.g. -2
    counted_by: who counted, null if that was not said, e.g. "Ann"
    """

    reason: str
    released_orders: tuple[str, ...]
    difference: int | None = None
    counted_by: str | None = None


@attrs.frozen(kw_only=True)
class ReleasedHold:
    """What one order lost.

    order: the reference of the order, e.g. "ORDER-7"
    pieces: how many it held, null if an earlier version recorded it [pieces], e.g. 2
    """

    order: str
    pieces: int | None


@attrs.frozen(kw_only=True)
class StockCounted(StockEvent):
    """A stocktake found `on_hand` pieces, for the given `reason`.

    That is `difference` more than was known, or fewer. What did not fit any more was
    released.

    reason: why it was counted, in words, e.g. "yearly stocktake"
    released: the orders that lost all of what they held, newest first
    difference: how many more were found than were known, negative if fewer, null if an
        earlier version recorded it [pieces], e.g. -2
    counted_by: who counted, null if that was not said, e.g. "Ann"
    """

    reason: str
    released: tuple[ReleasedHold, ...]
    difference: int | None = None
    counted_by: str | None = None


@attrs.frozen(kw_only=True)
class StockCorrected(StockEvent):
    """`difference` pieces were found, or are missing if it is negative.

    What did not fit any more was released.

    difference: how many more there are than were known, negative if fewer [pieces],
        e.g. -2
    reason: why, in words, e.g. "broken"
    released: the orders that lost all of what they held, newest first
    """

    difference: int
    reason: str
    released: tuple[ReleasedHold, ...]


@attrs.frozen(kw_only=True)
class StockReserved(StockEvent):
    """`pieces` are held for `order` until the moment `until`.

    order: the reference of the order, e.g. "ORDER-7"
    pieces: how many are held for it [pieces], e.g. 2
    until: when the hold ends [RFC 3339, UTC], e.g. "2026-07-01T12:00:00Z"
    """

    order: str
    pieces: int
    until: str


@attrs.frozen(kw_only=True)
class ReservationChanged(StockEvent):
    """`pieces` in all are held for `order` until `until`; before it were others.

    What was held changed in number, was lengthened, or both.

    order: the reference of the order, e.g. "ORDER-7"
    pieces: how many are held for it in all [pieces], e.g. 3
    until: when the hold ends [RFC 3339, UTC], e.g. "2026-07-01T12:00:00Z"
    pieces_before: how many were held before [pieces], e.g. 2
    """

    order: str
    pieces: int
    until: str
    pieces_before: int


@attrs.frozen(kw_only=True)
class StockReleased(StockEvent):
    """`pieces` are no longer held for `order`, which asked for that.

    order: the reference of the order, e.g. "ORDER-7"
    pieces: how many are no longer held for it [pieces], e.g. 2
    """

    order: str
    pieces: int


@attrs.frozen(kw_only=True)
class StockExpired(StockEvent):
    """`pieces` are no longer held for `order`, whose time was over.

    order: the reference of the order, e.g. "ORDER-7"
    pieces: how many are no longer held for it [pieces], e.g. 2
    """

    order: str
    pieces: int


@attrs.frozen(kw_only=True)
class StockShipped(StockEvent):
    """`pieces` left the shelf for `order`, which still holds `still_held`.

    order: the reference of the order, e.g. "ORDER-7"
    pieces: how many left [pieces], e.g. 2
    still_held: how many are held for it that have not left [pieces], e.g. 1
    """

    order: str
    pieces: int
    still_held: int = 0


@attrs.frozen(kw_only=True)
class StockReturned(StockEvent):
    """`pieces` that had shipped for `order` are on the shelf again.

    order: the reference of the order, e.g. "ORDER-7"
    pieces: how many came back [pieces], e.g. 1
    reason: why they came back, in words, null if that was not said, e.g. "too high"
    """

    order: str
    pieces: int
    reason: str | None = None


@attrs.frozen(kw_only=True)
class ReorderPointSet(StockEvent):
    """Stock now counts as low at `reorder_point` available pieces or fewer.

    reorder_point: at how many available, or fewer, stock is low [pieces], e.g. 10
    """

    reorder_point: int


@attrs.frozen(kw_only=True)
class StockRetired(StockEvent):
    """Its product is no longer bought in; what is left may be sold."""


@attrs.frozen(kw_only=True)
class StockReopened(StockEvent):
    """The product of a retired stock item is bought in again."""


@attrs.frozen(kw_only=True)
class StockDepleted(StockEvent):
    """The last available piece is gone."""


@attrs.frozen(kw_only=True)
class StockReplenished(StockEvent):
    """Pieces are available again after there were none."""


@attrs.frozen(kw_only=True)
class StockLow(StockEvent):
    """No more than `reorder_point` pieces are available, yet some.

    reorder_point: at how many available, or fewer, stock is low [pieces], e.g. 10
    """

    reorder_point: int


SUBJECTS: dict[str, type[StockEvent]] = {
    "stock.opened": StockOpened,
    "stock.received": StockReceived,
    "stock.counted": StockCountedV1,
    "stock.counted.v2": StockCounted,
    "stock.corrected": StockCorrected,
    "stock.reserved": StockReserved,
    "stock.reservation_changed": ReservationChanged,
    "stock.released": StockReleased,
    "stock.expired": StockExpired,
    "stock.shipped": StockShipped,
    "stock.returned": StockReturned,
    "stock.reorder_point_set": ReorderPointSet,
    "stock.retired": StockRetired,
    "stock.reopened": StockReopened,
    "stock.depleted": StockDepleted,
    "stock.replenished": StockReplenished,
    "stock.low": StockLow,
}
