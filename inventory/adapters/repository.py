"""Stock items in SQL: read on demand, written once for a whole transaction."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, select

from inventory.adapters.changed_rows import Followed, write
from inventory.adapters.rows import (
    Row,
    reservation_from_row,
    shipment_from_row,
    stock_item_from_row,
)
from inventory.adapters.tables import reservations, shipments, stock_items
from inventory.domain.errors import UnknownStockItem
from inventory.domain.stock_item import StockItem
from inventory.domain.value_objects import OrderReference
from shared_kernel.clock import to_us
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.prepared import Prepared, one_of

_ITEM = len(stock_items.c)
_RESERVATION = _ITEM + len(reservations.c)

_SELECT_ONE = Prepared(
    select(stock_items, reservations, shipments)
    .outerjoin_from(stock_items, reservations, reservations.c.sku == stock_items.c.sku)
    .outerjoin(
        shipments,
        (shipments.c.order_reference == bindparam("order"))
        & (shipments.c.sku == stock_items.c.sku),
    )
    .where(stock_items.c.sku == bindparam("sku"))
    .order_by(reservations.c.placed)
)
_SELECT_ITEMS = Prepared(select(stock_items).where(one_of(stock_items.c.sku, "keys")))
_SELECT_RESERVATIONS = Prepared(
    select(reservations)
    .where(one_of(reservations.c.sku, "keys"))
    .order_by(reservations.c.placed)
)
_SELECT_SHIPMENTS = Prepared(
    select(shipments).where(one_of(shipments.c.order_reference, "keys"))
)
_SELECT_DUE = Prepared(
    select(reservations.c.sku)
    .where(reservations.c.until_us <= bindparam("now_us"))
    .order_by(reservations.c.until_us)
    .limit(bindparam("limit", type_=Integer))
)


class SqlStockItemRepository:
    """The stock items of one transaction: each is read once; `flush()` writes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # By SKU; None if it is known to be absent.
        self._followed: dict[str, Followed | None] = {}
        self._touched: dict[str, Followed] = {}
        self._unwritten: dict[str, Followed] = {}

    def find(self, sku: Sku, order: OrderReference | None = None) -> StockItem | None:
        code = sku.code
        if code not in self._followed:
            self._read(code, order)
        followed = self._followed[code]
        if followed is None:
            return None
        if order is not None and not followed.knows_whether_shipped(order):
            self._read_shipments([(followed, order)])
        self._touched[code] = followed
        return followed.item

    def get(self, sku: Sku, order: OrderReference | None = None) -> StockItem:
        item = self.find(sku, order)
        if item is None:
            raise UnknownStockItem(sku=sku.code)
        return item

    def add(self, item: StockItem) -> None:
        code = item.sku.code
        followed = Followed(item, 0, {}, last_placed=0, seen_version=0)
        self._followed[code] = self._touched[code] = followed

    def with_expired_reservations(
        self, now: datetime, limit: int
    ) -> Sequence[StockItem]:
        skus = self.due(now, limit)
        self.prefetch((sku, None) for sku in skus)
        return [self.get(sku) for sku in skus]

    def due(self, now: datetime, limit: int) -> list[Sku]:
        """The SKUs of the first `limit` reservations that have ended by `now`."""
        asked = {"now_us": to_us(now), "limit": limit}
        due = _SELECT_DUE.rows(self._connection, asked)
        return [Sku(code) for (code,) in dict.fromkeys(due)]

    def prefetch(self, wanted: Iterable[tuple[Sku, OrderReference | None]]) -> None:
        """Load in few statements what `find` will be asked for, absent items too."""
        wanted = list(wanted)
        self._read_items(
            {sku.code for sku, _ in wanted if sku.code not in self._followed}
        )
        self._read_shipments(
            [
                (followed, order)
                for sku, order in wanted
                if order is not None
                and (followed := self._followed[sku.code]) is not None
                and not followed.knows_whether_shipped(order)
            ]
        )

    def changed(self) -> list[StockItem]:
        """Those that recorded events since the last call."""
        touched, self._touched = self._touched, {}
        changed = []
        for code, followed in touched.items():
            version = followed.item.version
            if version != followed.seen_version:
                followed.seen_version = version
                self._unwritten[code] = followed
                changed.append(followed.item)
        return changed

    def flush(self) -> None:
        """Write all that `changed()` returned, and forget all items.

        Raises ConcurrentUpdateError if a stock item has changed since it was read.
        """
        # All transactions use the same order, so that they cannot deadlock.
        unwritten = [followed for _, followed in sorted(self._unwritten.items())]
        self._unwritten.clear()
        self._touched.clear()
        self._followed.clear()
        write(self._connection, unwritten)

    def _read(self, code: str, order: OrderReference | None) -> None:
        asked = {"sku": code, "order": order and order.code}
        rows = _SELECT_ONE.rows(self._connection, asked)
        if not rows:
            self._followed[code] = None
            return
        first = rows[0]
        held = [row[_ITEM:_RESERVATION] for row in rows if row[_ITEM] is not None]
        followed = self._follow(first[:_ITEM], held)
        if order is not None:
            followed.asked_for.add(order)
        if first[_RESERVATION] is not None:
            shipped_order, shipment = shipment_from_row(first[_RESERVATION:])
            followed.item.shipments[shipped_order] = shipment

    def _read_items(self, codes: set[str]) -> None:
        if not codes:
            return
        self._followed.update(dict.fromkeys(codes))
        rows = _SELECT_ITEMS.rows(self._connection, _keys(codes))
        held: dict[str, list[Row]] = {row[0]: [] for row in rows}
        if held:
            for row in _SELECT_RESERVATIONS.rows(self._connection, _keys(held)):
                held[row[0]].append(row)
        for row in rows:
            self._follow(row, held[row[0]])

    def _read_shipments(
        self, wanted: Sequence[tuple[Followed, OrderReference]]
    ) -> None:
        by_key = {(item.item.sku.code, order.code): item for item, order in wanted}
        for followed, order in wanted:
            followed.asked_for.add(order)
        if not wanted:
            return
        orders = _keys({order.code for _, order in wanted})
        for row in _SELECT_SHIPMENTS.rows(self._connection, orders):
            order_reference, sku = row[:2]
            # The same order may have shipped other items, too.
            if asking := by_key.get((sku, order_reference)):
                order, shipment = shipment_from_row(row)
                asking.item.shipments[order] = shipment

    def _follow(self, row: Row, held: Sequence[Row]) -> Followed:
        stored = dict(map(reservation_from_row, held))
        item = stock_item_from_row(row, stored.copy())
        followed = Followed(
            item,
            item.version,
            stored,
            last_placed=held[-1][-1] if held else 0,
            seen_version=item.version,
        )
        self._followed[item.sku.code] = followed
        return followed


def _keys(keys: Iterable[str]) -> dict[str, str]:
    return {"keys": json.dumps(list(keys))}
