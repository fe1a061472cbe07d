"""Counts in the inventory file of Shopify: a row for each SKU at each location.

See https://help.shopify.com/en/manual/products/inventory/setup/inventory-csv.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import attrs

from shared_kernel.files.columns import Columns
from shared_kernel.files.presets import LeftOut, cell
from shared_kernel.files.row_file import Row

NEW, CURRENT = "On hand (new)", "On hand (current)"
MARKS = ("SKU", "Location", NEW)
"""The columns by which such a file is recognized."""
_NOT_STOCKED = "not stocked"


@attrs.frozen(kw_only=True)
class ShopifyInventory:
    """What was filled in as new is counted; empty and `not stocked` are nothing.

    A stock item is at one place: a SKU that is stocked at several is refused.
    """

    columns: Columns = Columns(  # noqa: RUF009 - frozen
        required=("SKU", NEW),
        optional=("Location", CURRENT),
        identifying=("SKU",),
    )
    aliases: Mapping[str, str] = attrs.field(factory=lambda: {"On hand": NEW})
    gives: tuple[str, ...] = ("sku", "on_hand")

    def rows(self, rows: Iterator[Row]) -> Iterator[Row | LeftOut]:
        # Its rows of one SKU stand together.
        for _, same in groupby(rows, key=lambda row: cell(row, "SKU")):
            yield from _of_one_sku(list(same))


def _of_one_sku(rows: Sequence[Row]) -> Iterator[Row | LeftOut]:
    stocked = [row for row in rows if _is_stocked(row)]
    for row in rows:
        if row.fault:
            yield row
        elif row not in stocked:
            yield LeftOut(row.number, "not stocked there")
        elif not cell(row, NEW):
            yield LeftOut(row.number, "not counted")
        else:
            values = {"sku": cell(row, "SKU"), "on_hand": cell(row, NEW)}
            yield Row(row.number, values, _fault_of(values["sku"], stocked))


def _is_stocked(row: Row) -> bool:
    return _NOT_STOCKED not in (
        cell(row, NEW).casefold(),
        cell(row, CURRENT).casefold(),
    )


def _fault_of(sku: str, stocked: Sequence[Row]) -> str | None:
    if not sku:
        return "sku is '': SKU is empty"
    if len(stocked) == 1:
        return None
    places = ", ".join(cell(row, "Location") or "?" for row in stocked)
    return (
        f"{sku} is stocked at {len(stocked)} locations ({places}), but a stock item "
        "has one number on hand: give one row with the sum of all counts"
    )
