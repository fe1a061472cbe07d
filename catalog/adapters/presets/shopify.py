"""Products as Shopify exports them: one row for each variant, and for each image.

The first row of a product has its title; the rows behind it repeat only the handle.
See https://help.shopify.com/en/manual/products/import-export/using-csv.
"""

from collections.abc import Iterator, Mapping

import attrs

from catalog.adapters.presets.html_text import text_of_html
from shared_kernel.files.columns import Columns
from shared_kernel.files.presets import LeftOut, cell
from shared_kernel.files.row_file import Row

MARKS = ("Handle", "Title", "Variant SKU")
"""The columns by which such a file is recognized."""
_OPTIONS = (1, 2, 3)
_NOT_ON_SALE = {"draft": "a draft", "archived": "archived"}


@attrs.frozen
class _Head:
    """What the first row of a product says for all its rows."""

    handle: str
    title: str
    description: str
    why_left_out: str | None
    options: tuple[str, ...]


@attrs.frozen(kw_only=True)
class ShopifyProducts:
    """Rows of variants become products named by title and option.

    Prices are in `currency`, which Shopify's files do not say. A variant without a SKU
    is refused, or takes it from its handle.
    """

    currency: str
    sku_from_handle: bool = False
    columns: Columns = Columns(  # noqa: RUF009 - frozen
        required=MARKS,
        identifying=("Variant SKU",),
        optional=(
            "Body (HTML)",
            "Status",
            "Published",
            *(f"Option{n} Name" for n in _OPTIONS),
            *(f"Option{n} Value" for n in _OPTIONS),
            "Variant Inventory Qty",
            "Variant Price",
        ),
    )
    aliases: Mapping[str, str] = {
        "URL handle": "Handle",
        "Description": "Body (HTML)",
        "Published on online store": "Published",
        "SKU": "Variant SKU",
        "Inventory quantity": "Variant Inventory Qty",
        "Price": "Variant Price",
    }
    gives: tuple[str, ...] = (
        "sku",
        "name",
        "price",
        "price_currency",
        "stock_count",
        "description",
    )

    def rows(self, rows: Iterator[Row]) -> Iterator[Row | LeftOut]:
        head: _Head | None = None
        for row in rows:
            handle = cell(row, "Handle")
            if cell(row, "Title") or head is None or handle != head.handle:
                head = _head_of(row)
            if row.fault:
                yield row
            elif not _is_variant(row):
                yield LeftOut(row.number, "an image, without a variant")
            elif head.why_left_out:
                yield LeftOut(row.number, head.why_left_out)
            else:
                yield self._variant(row, head)

    def _variant(self, row: Row, head: _Head) -> Row:
        options = _options_of(row, head)
        sku, fault = cell(row, "Variant SKU"), None
        if not sku and self.sku_from_handle:
            sku = "-".join([head.handle, *("-".join(o.split()) for o in options)])
        elif not sku:
            fault = (
                f"sku is '': Variant SKU is empty for the handle {head.handle!r}; fill "
                "it in, or take it from the handle with --sku-from handle"
            )
        if not head.title:
            fault = (
                f"name is '': no row above has the Title of the handle {head.handle!r}"
            )
        price = cell(row, "Variant Price")
        values = {
            "sku": sku,
            "name": " - ".join(filter(None, [head.title, " / ".join(options)])),
            "price": price,
            "price_currency": self.currency if price else "",
            "stock_count": cell(row, "Variant Inventory Qty"),
            "description": head.description,
        }
        return Row(row.number, values, fault)


def _head_of(row: Row) -> _Head:
    return _Head(
        handle=cell(row, "Handle"),
        title=cell(row, "Title"),
        description=text_of_html(cell(row, "Body (HTML)")),
        why_left_out=_why_left_out(row),
        options=tuple(cell(row, f"Option{n} Name") for n in _OPTIONS),
    )


def _why_left_out(row: Row) -> str | None:
    """Old files have no status; then `Published` tells."""
    if "Status" in row.values:
        return _NOT_ON_SALE.get(cell(row, "Status").casefold())
    return "not published" if cell(row, "Published").casefold() == "false" else None


def _is_variant(row: Row) -> bool:
    return any(
        cell(row, column)
        for column in ("Title", "Variant SKU", "Variant Price", "Option1 Value")
    )


def _options_of(row: Row, head: _Head) -> list[str]:
    """The values that tell the variant from others; none of a product without."""
    values = [cell(row, f"Option{n} Value") for n in _OPTIONS]
    if head.options[0] in ("", "Title") and values[0] in ("", "Default Title"):
        values = values[1:]
    return [value for value in values if value]
