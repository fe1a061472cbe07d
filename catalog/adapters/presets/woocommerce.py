"""Products as WooCommerce exports them: simple products, parents and variations.

A parent (`variable`) is sold as its variations, which stand behind it.
See https://woocommerce.com/document/product-csv-importer-exporter/.
"""

from collections.abc import Iterator, Mapping

import attrs

from catalog.adapters.presets.html_text import text_of_html
from shared_kernel.files.columns import Columns
from shared_kernel.files.presets import LeftOut, cell
from shared_kernel.files.row_file import Row

MARKS = ("SKU", "Name", "Type", "Regular price")
"""The columns by which such a file is recognized."""
_ATTRIBUTES = (1, 2, 3)
_NOT_PUBLISHED = {"-1": "a draft", "0": "private"}
_NO_PIECES = {
    "variable": "a product that is sold as its variations",
    "grouped": "a group of products",
    "external": "a product that is sold elsewhere",
}


@attrs.frozen
class _Parent:
    name: str
    description: str
    why_left_out: str | None


@attrs.frozen(kw_only=True)
class WooCommerceProducts:
    """Prices are regular prices, in `currency`, which the files do not say.

    Sale prices, which end some day, are not taken.
    """

    currency: str
    columns: Columns = Columns(  # noqa: RUF009 - frozen
        required=("SKU", "Name"),
        identifying=("SKU",),
        optional=(
            "ID",
            "Type",
            "Published",
            "Short description",
            "Description",
            "Stock",
            "Regular price",
            "Parent",
            *(f"Attribute {n} value(s)" for n in _ATTRIBUTES),
        ),
    )
    aliases: Mapping[str, str] = {}
    gives: tuple[str, ...] = (
        "sku",
        "name",
        "price",
        "price_currency",
        "stock_count",
        "description",
    )

    def rows(self, rows: Iterator[Row]) -> Iterator[Row | LeftOut]:
        parents: dict[str, _Parent] = {}
        for row in rows:
            # As in `simple, virtual`.
            kind = cell(row, "Type").casefold().split(",")[0].strip()
            if row.fault:
                yield row
                continue
            parent = parents.get(cell(row, "Parent")) if kind == "variation" else None
            why = _NOT_PUBLISHED.get(cell(row, "Published"))
            if kind == "variable":
                parents |= _by_reference(row, why)
            why = why or (parent and parent.why_left_out) or _NO_PIECES.get(kind)
            if why:
                yield LeftOut(row.number, why)
            else:
                yield self._product(row, parent)

    def _product(self, row: Row, parent: _Parent | None) -> Row:
        name, price = cell(row, "Name"), cell(row, "Regular price")
        sku, fault = cell(row, "SKU"), None
        if parent is not None and name in ("", parent.name):
            values = (cell(row, f"Attribute {n} value(s)") for n in _ATTRIBUTES)
            name = " - ".join([parent.name, ", ".join(filter(None, values))])
        if not sku:
            fault = f"sku is '': SKU is empty for {name!r}; fill it in"
        description = _description_of(row)
        if not description and parent is not None:
            description = parent.description
        given = {
            "sku": sku,
            "name": name,
            "price": price,
            "price_currency": self.currency if price else "",
            "stock_count": cell(row, "Stock"),
            "description": description,
        }
        return Row(row.number, given, fault)


def _by_reference(row: Row, why: str | None) -> dict[str, _Parent]:
    """A variation names its parent by SKU, or by `id:` and ID."""
    parent = _Parent(cell(row, "Name"), _description_of(row), why)
    names = (cell(row, "SKU"), f"id:{cell(row, 'ID')}")
    return {name: parent for name in names if name not in ("", "id:")}


def _description_of(row: Row) -> str:
    given = cell(row, "Description") or cell(row, "Short description")
    # Its exporter writes line ends as `\\n`.
    lines = given.replace("\\r", "").replace("\\n", "\n")
    return text_of_html(lines, keep_lines=True)
