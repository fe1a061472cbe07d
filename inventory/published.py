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
    """`pieces` came in.

    pieces: how many came in [pieces], e.g. 12
    """

    pieces: int


@attrs.frozen(kw_only=True)
class StockCounted(StockEvent):
    """A stocktake found `on_hand` pieces, for the given `reason`.

    The orders in `released_orders`, newest first, lost what was reserved for them.

    reason: why it was counted, in words, e.g. "yearly stocktake"
    released_orders: references of orders that lost all of what they held, newest first,
        e.g. ["ORDER-7"]
    """

    reason: str
    released_orders: tuple[str, ...]


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
    """`pieces` that had shipped for `order` are on the shelf again."""

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
    """Nothing more is received or reserved; what is reserved may still ship."""


@attrs.frozen(kw_only=True)
class StockReopened(StockEvent):
    """A retired stock item receives and reserves again."""


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
    "stock.counted": StockCounted,
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
