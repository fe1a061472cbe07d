"""A page of the listing as CSV, in the columns that imports read, and availability."""

import msgspec

from catalog.read_model.product_listing import ListedProduct
from shared_kernel.files.csv_text import cell_of_name, csv_lines

MEDIA_TYPE = "text/csv"
COLUMNS = (
    "sku",
    "name",
    "description",
    "price_minor_units",
    "price_currency",
    "status",
    "availability",
    "last_updated",
)

_decoder = msgspec.json.Decoder(list[ListedProduct])


def page_as_csv(body: bytes) -> bytes:
    """`body` is the page's JSON; each page has the line of the columns."""
    rows = [
        (
            cell_of_name(each.code),
            each.name,
            each.description,
            each.price and each.price.minor_units,
            each.price and each.price.currency,
            each.status,
            each.availability,
            each.last_updated.isoformat(),
        )
        for each in _decoder.decode(body)
    ]
    return csv_lines([COLUMNS, *rows]).encode()
