"""What is known of order lines that have shipped, and in which file they came."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.adapters.tables import order_lines, shipments
from inventory.domain.value_objects import OrderReference
from shared_kernel.clock import from_us
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.prepared import Prepared, one_of

Key = tuple[str, str]
"""The code of the reference, and that of the SKU."""

_LINES = Prepared(
    sa.select(order_lines).where(one_of(order_lines.c.order_reference, "keys"))
)
_SHIPMENTS = Prepared(
    sa.select(shipments.c.order_reference, shipments.c.sku, shipments.c.pieces).where(
        one_of(shipments.c.order_reference, "keys")
    )
)
_ADD = Prepared(sa.insert(order_lines))


@attrs.frozen(kw_only=True)
class ShippedLine:
    order: OrderReference
    sku: Sku
    pieces: int
    file_digest: str
    file_name: str
    row_number: int
    shipped_us: int

    @property
    def shipped_at(self) -> datetime:
        return from_us(self.shipped_us)


def line_to_row(line: ShippedLine) -> dict[str, object]:
    return {
        "order_reference": line.order.code,
        "sku": line.sku.code,
        "pieces": line.pieces,
        "file_digest": line.file_digest,
        "file_name": line.file_name,
        "row_number": line.row_number,
        "shipped_us": line.shipped_us,
    }


def line_from_row(row: Sequence[object]) -> ShippedLine:
    order, sku, pieces, digest, name, number, shipped_us = row
    return ShippedLine(
        order=OrderReference.from_code(str(order)),
        sku=Sku(str(sku)),
        pieces=int(str(pieces)),
        file_digest=str(digest),
        file_name=str(name),
        row_number=int(str(number)),
        shipped_us=int(str(shipped_us)),
    )


def add(connection: Connection, lines: Sequence[ShippedLine]) -> None:
    if lines:
        _ADD.write_all(connection, [line_to_row(line) for line in lines])


def found(
    connection: Connection, references: Iterable[OrderReference]
) -> Mapping[Key, ShippedLine]:
    keys = _keys(each.code for each in references)
    rows = map(line_from_row, _LINES.rows(connection, keys))
    return {(line.order.code, line.sku.code): line for line in rows}


def shipped_by_name(connection: Connection, orders: Iterable[str]) -> Mapping[Key, int]:
    """Pieces that shipped for whole orders, not as lines of files."""
    rows = _SHIPMENTS.rows(connection, _keys(orders))
    return {(order, sku): pieces for order, sku, pieces in rows}


def _keys(codes: Iterable[str]) -> dict[str, str]:
    return {"keys": json.dumps(list(set(codes)))}
