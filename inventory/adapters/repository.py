"""Stock items in SQL: read on demand, written once for a whole transaction.

Of a stock item's reservations and shipments only those are read that a command needs:
its cost must not depend on how many there are.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, select

from inventory.adapters.changed_rows import Followed, write
from inventory.adapters.rows import (
    Row,
    receipt_from_row,
    reservation_from_row,
    shipment_from_row,
    stock_item_from_row,
)
from inventory.adapters.tables import receipts, reservations, shipments, stock_items
from inventory.domain.errors import UnknownStockItem
from inventory.domain.stock_item import StockItem
from inventory.domain.stock_items import About
from inventory.domain.value_objects import DeliveryNote, OrderReference
from shared_kernel.clock import to_us
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.prepared import Prepared, one_of

NEWEST_AT_ONCE = 100
_ITEM = len(stock_items.c)
_RESERVATION = _ITEM + len(reservations.c)
_END = 2**63 - 1

_SELECT_ONE = Prepared(
    select(stock_items, reservations, shipments)
    .outerjoin_from(
        stock_items,
        reservations,
        (reservations.c.order_reference == bindparam("order"))
        & (reservations.c.sku == stock_items.c.sku),
    )
    .outerjoin(
        shipments,
        (shipments.c.order_reference == bindparam("order"))
        & (shipments.c.sku == stock_items.c.sku),
    )
    .where(stock_items.c.sku == bindparam("sku"))
)
_SELECT_ITEMS = Prepared(select(stock_items).where(one_of(stock_items.c.sku, "keys")))
_SELECT_RESERVATIONS = Prepared(
    select(reservations).where(one_of(reservations.c.order_reference, "keys"))
)
_SELECT_SHIPMENTS = Prepared(
    select(shipments).where(one_of(shipments.c.order_reference, "keys"))
)
_SELECT_RECEIPTS = Prepared(
    select(receipts).where(one_of(receipts.c.reference, "keys"))
)
_SELECT_NEWEST = Prepared(
    select(reservations)
    .where(
        reservations.c.sku == bindparam("sku"),
        reservations.c.placed < bindparam("before"),
    )
    .order_by(reservations.c.placed.desc())
    .limit(bindparam("limit", type_=Integer))
)
_SELECT_DUE = Prepared(
    select(reservations)
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

    def find(self, sku: Sku, about: About | None = None) -> StockItem | None:
        code = sku.code
        if code not in self._followed:
            self._read(code, about if isinstance(about, OrderReference) else None)
        followed = self._followed[code]
        if followed is None:
            return None
        if about is not None and not followed.knows(about):
            self._read_about([(followed, about)])
        self._touched[code] = followed
        return followed.item

    def get(self, sku: Sku, about: About | None = None) -> StockItem:
        item = self.find(sku, about)
        if item is None:
            raise UnknownStockItem(sku=sku.code)
        return item

    def add(self, item: StockItem) -> None:
        code = item.sku.code
        followed = Followed(item, stored_version=0, seen_version=0)
        self._followed[code] = self._touched[code] = followed

    def with_expired_reservations(
        self, now: datetime, limit: int
    ) -> Sequence[StockItem]:
        rows = self._due(now, limit)
        skus = [Sku(code) for code in dict.fromkeys(row[1] for row in rows)]
        self.prefetch((sku, None) for sku in skus)
        for row in rows:
            self._loaded(row[1]).has_stored(*reservation_from_row(row))
        return [self.get(sku) for sku in skus]

    def any_is_due(self, now: datetime) -> bool:
        """Whether a reservation has ended by `now`."""
        return bool(self._due(now, 1))

    def load_newest_reservations(self, item: StockItem, pieces: int) -> None:
        followed = self._loaded(item.sku.code)
        held = item.reservations
        # What was placed in this transaction is newer than all that is stored.
        found = sum(each.pieces for each in followed.new())
        before = _END
        while found < pieces and before:
            asked = {"sku": item.sku.code, "before": before, "limit": NEWEST_AT_ONCE}
            rows = _SELECT_NEWEST.rows(self._connection, asked)
            for order, stored in map(reservation_from_row, rows):
                followed.has_stored(order, stored)
                found += held[order].pieces if order in held else 0
            before = rows[-1][-1] if len(rows) == NEWEST_AT_ONCE else 0

    def available(self, skus: Iterable[Sku]) -> dict[Sku, int]:
        """Of those that there are; in one statement."""
        keys = _keys({sku.code for sku in skus})
        items = map(stock_item_from_row, _SELECT_ITEMS.rows(self._connection, keys))
        return {item.sku: item.available for item in items}

    def prefetch(self, wanted: Iterable[tuple[Sku, About | None]]) -> None:
        """Load in few statements what `find` will be asked for, absent items too."""
        wanted = list(wanted)
        self._read_items(
            {sku.code for sku, _ in wanted if sku.code not in self._followed}
        )
        self._read_about(
            [
                (followed, about)
                for sku, about in wanted
                if about is not None
                and (followed := self._followed[sku.code]) is not None
                and not followed.knows(about)
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

    def _loaded(self, code: str) -> Followed:
        followed = self._followed[code]
        if followed is None:
            raise UnknownStockItem(sku=code)
        return followed

    def _due(self, now: datetime, limit: int) -> list[Row]:
        asked = {"now_us": to_us(now), "limit": limit}
        return list(_SELECT_DUE.rows(self._connection, asked))

    def _read(self, code: str, order: OrderReference | None) -> None:
        asked = {"sku": code, "order": order and order.code}
        row = _SELECT_ONE.row(self._connection, asked)
        if row is None:
            self._followed[code] = None
            return
        followed = self._follow(row[:_ITEM])
        if order is not None:
            followed.asked_for.add(order)
        if row[_ITEM] is not None:
            followed.has_stored(*reservation_from_row(row[_ITEM:_RESERVATION]))
        if row[_RESERVATION] is not None:
            followed.has_shipped(*shipment_from_row(row[_RESERVATION:]))

    def _read_items(self, codes: set[str]) -> None:
        if not codes:
            return
        self._followed.update(dict.fromkeys(codes))
        for row in _SELECT_ITEMS.rows(self._connection, _keys(codes)):
            self._follow(row)

    def _read_about(self, wanted: Sequence[tuple[Followed, About]]) -> None:
        for followed, about in wanted:
            followed.asked_for.add(about)
        orders = [
            (item, each) for item, each in wanted if isinstance(each, OrderReference)
        ]
        for asking, row in self._rows(_SELECT_RESERVATIONS, orders):
            asking.has_stored(*reservation_from_row(row))
        for asking, row in self._rows(_SELECT_SHIPMENTS, orders):
            asking.has_shipped(*shipment_from_row(row))
        notes = [
            (item, each) for item, each in wanted if isinstance(each, DeliveryNote)
        ]
        for asking, row in self._rows(_SELECT_RECEIPTS, notes):
            asking.has_received(*receipt_from_row(row))

    def _rows(
        self, select: Prepared, wanted: Sequence[tuple[Followed, About]]
    ) -> Iterator[tuple[Followed, Row]]:
        """Rows that begin with what they are about and their SKU, with their item."""
        if not wanted:
            return
        by_key = {(about.code, each.item.sku.code): each for each, about in wanted}
        keys = _keys({about.code for _, about in wanted})
        for row in select.rows(self._connection, keys):
            # There may be rows about the same thing and other items, too.
            if asking := by_key.get((row[0], row[1])):
                yield asking, row

    def _follow(self, row: Row) -> Followed:
        item = stock_item_from_row(row)
        followed = Followed(item, item.version, item.version)
        self._followed[item.sku.code] = followed
        return followed


def _keys(keys: Iterable[str]) -> dict[str, str]:
    return {"keys": json.dumps(list(keys))}
