"""Inventory's published language: what others may rely on (source `/inventory`).

Every event carries the whole public state of its stock item as committed, in pieces:
`on_hand`, `reserved`, `available`; `availability` is `in_stock`, `low`, `out_of_stock`
or `retired`; `version` numbers the events of one `sku`. Moments are RFC 3339 in UTC.
"""

import attrs


@attrs.frozen(kw_only=True)
class StockEvent:
    """What every event of a stock item tells."""

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
    """`pieces` came in."""

    pieces: int


@attrs.frozen(kw_only=True)
class StockCounted(StockEvent):
    """A stocktake found `on_hand` pieces, for the given `reason`.

    The orders in `released_orders`, newest first, lost what was reserved for them.
    """

    reason: str
    released_orders: tuple[str, ...]


@attrs.frozen(kw_only=True)
class StockReserved(StockEvent):
    """`pieces` are held for `order` until the moment `until`."""

    order: str
    pieces: int
    until: str


@attrs.frozen(kw_only=True)
class StockReleased(StockEvent):
    """`pieces` are no longer held for `order`, which asked for that."""

    order: str
    pieces: int


@attrs.frozen(kw_only=True)
class StockExpired(StockEvent):
    """`pieces` are no longer held for `order`, whose time was over."""

    order: str
    pieces: int


@attrs.frozen(kw_only=True)
class StockShipped(StockEvent):
    """`pieces` left the shelf for `order`."""

    order: str
    pieces: int


@attrs.frozen(kw_only=True)
class ReorderPointSet(StockEvent):
    """Stock now counts as low at `reorder_point` available pieces or fewer."""

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
    """No more than `reorder_point` pieces are available, yet some."""

    reorder_point: int


SUBJECTS: dict[str, type[StockEvent]] = {
    "stock.opened": StockOpened,
    "stock.received": StockReceived,
    "stock.counted": StockCounted,
    "stock.reserved": StockReserved,
    "stock.released": StockReleased,
    "stock.expired": StockExpired,
    "stock.shipped": StockShipped,
    "stock.reorder_point_set": ReorderPointSet,
    "stock.retired": StockRetired,
    "stock.reopened": StockReopened,
    "stock.depleted": StockDepleted,
    "stock.replenished": StockReplenished,
    "stock.low": StockLow,
}
