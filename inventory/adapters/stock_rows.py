"""Reads counts and receipts from the rows of a file."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import attrs
import msgspec

from inventory.adapters.http_bodies import Pieces, PiecesOrNone
from inventory.adapters.presets import shopify_inventory
from inventory.domain.value_objects import Count, DeliveryNote, Quantity, ReorderPoint
from shared_kernel.documents.schema import Schema
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import SKU_SCHEMA, Sku
from shared_kernel.files.columns import Columns
from shared_kernel.files.outcomes import Refused
from shared_kernel.files.row_file import Row
from shared_kernel.files.values import in_columns, pieces, text

SkuText = Annotated[str, msgspec.Meta(extra_json_schema=SKU_SCHEMA)]


@attrs.frozen(kw_only=True)
class CountLine:
    """A line of NDJSON."""

    sku: SkuText
    on_hand: PiecesOrNone
    reorder_point: PiecesOrNone | None = None


@attrs.frozen(kw_only=True)
class ReceiptLine:
    """A line of NDJSON."""

    sku: SkuText
    quantity: Pieces
    reference: str | None = None


COUNT_COLUMNS = Columns(
    required=("sku", "on_hand"),
    optional=("reorder_point",),
    aliases={"count": "on_hand", "counted": "on_hand"},
    identifying=("sku",),
    document=Schema(CountLine),
    presets={"shopify": shopify_inventory.MARKS},
)
RECEIPT_COLUMNS = Columns(
    required=("sku", "quantity"),
    optional=("reference",),
    identifying=("sku", "reference"),
    document=Schema(ReceiptLine),
)


@attrs.frozen(kw_only=True)
class GivenCount:
    row: int
    sku: Sku
    counted: Count
    reorder_point: ReorderPoint | None


@attrs.frozen(kw_only=True)
class GivenReceipt:
    """`reference` names the delivery, if the row does."""

    row: int
    sku: Sku
    quantity: Quantity
    reference: DeliveryNote | None


def count_from(row: Row) -> GivenCount | Refused:
    """The count, or all faults of the row at once, by column."""
    values = row.values
    if row.fault or (faults := _faults(values, (_sku, _counted, _reorder_point))):
        return Refused(row.fault or faults, row)
    return GivenCount(
        row=row.number,
        sku=_sku(values),
        counted=_counted(values),
        reorder_point=_reorder_point(values),
    )


def receipt_from(row: Row) -> GivenReceipt | Refused:
    """The receipt, or all faults of the row at once, by column."""
    values = row.values
    if row.fault or (faults := _faults(values, (_sku, _quantity, _reference))):
        return Refused(row.fault or faults, row)
    return GivenReceipt(
        row=row.number,
        sku=_sku(values),
        quantity=_quantity(values),
        reference=_reference(values),
    )


def _sku(values: Mapping[str, Any]) -> Sku:
    return Sku(text(values, "sku"))


def _counted(values: Mapping[str, Any]) -> Count:
    try:
        return Count(pieces(values, "on_hand"))
    except InvalidValue as fault:
        raise attrs.evolve(fault, field="on_hand") from fault


def _reorder_point(values: Mapping[str, Any]) -> ReorderPoint | None:
    point = pieces(values, "reorder_point")
    return None if point is None else ReorderPoint(point)


def _quantity(values: Mapping[str, Any]) -> Quantity:
    return Quantity(pieces(values, "quantity"))


def _reference(values: Mapping[str, Any]) -> DeliveryNote | None:
    given = text(values, "reference")
    return DeliveryNote(given) if given else None


def _faults(
    values: Mapping[str, Any], parts: tuple[Callable[[Mapping[str, Any]], object], ...]
) -> str:
    return "; ".join(_each_fault(values, parts))


def _each_fault(
    values: Mapping[str, Any], parts: tuple[Callable[[Mapping[str, Any]], object], ...]
) -> Iterator[str]:
    for part in parts:
        try:
            part(values)
        except InvalidValue as fault:
            yield in_columns(fault)
