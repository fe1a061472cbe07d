"""The home page: what this is, and the newest products."""

import json
from collections.abc import Iterable, Mapping

from flask import Blueprint, Response

from catalog.adapters.services import QueryServices
from catalog.read_model import listing_queries
from catalog.read_model.listing_queries import Counted
from shared_kernel.web.pages import page
from shared_kernel.web.routes import in_path

NEWEST = 20
# Decimal digits of a currency, if ISO 4217 has other than two.
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_DIGITS = dict.fromkeys(_THREE.split(), 3) | dict.fromkeys(_NONE.split(), 0)
IN_WORDS = {
    "in_stock": "in stock",
    "low": "only a few left",
    "out_of_stock": "out of stock",
    "retired": "retired",
    "unknown": "not yet known",
}
"""The words for each availability."""


def home_page(services: QueryServices) -> Blueprint:
    """The home page, with the number of events that the listing has read, by source."""
    blueprint = Blueprint("home", __name__, template_folder="templates")

    @blueprint.get("/")
    def home() -> Response:
        with services.database.reading() as connection:
            newest = listing_queries.newest(connection, NEWEST)
            counts = listing_queries.counts(connection)
        return page(
            "catalog/home.html",
            products=[json.loads(body) for body in newest],
            counts=counts,
            in_all=in_all,
            events={source: seen() for source, seen in services.reader.cursors.items()},
            words=IN_WORDS,
            price=formatted,
            in_path=in_path,
        )

    return blueprint


def in_all(counted: Iterable[Counted]) -> str:
    """`1,234`, or `10,000+` if not all were counted."""
    each = list(counted)
    more = any(one.more for one in each)
    return f"{sum(one.products for one in each):,}" + ("+" if more else "")


def formatted(price: Mapping[str, object] | None) -> str:
    """`{"minor_units": 1999, "currency": "EUR"}` as `19.99 EUR`."""
    if price is None:
        return ""
    currency, units = str(price["currency"]), int(str(price["minor_units"]))
    digits = _DIGITS.get(currency, 2)
    whole, rest = divmod(units, 10**digits)
    return f"{whole:,}" + (f".{rest:0{digits}}" if digits else "") + f" {currency}"
