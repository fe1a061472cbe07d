"""The product listing, as a test looks at it."""

import json
from typing import Any

import sqlalchemy as sa

from app import Storehouse
from catalog.read_model.product_listing import product_listing
from shared_kernel.storage.prepared import Prepared
from tests.storehouses import query

_ALL = Prepared(sa.select(product_listing).order_by(product_listing.c.code))
_SHOWN = Prepared(
    sa.select(product_listing.c.body)
    .where(product_listing.c.place.is_not(None))
    .order_by(product_listing.c.place)
)


def rows_of_listing(storehouse: Storehouse) -> list[tuple[Any, ...]]:
    """Every row with all its columns."""
    return query(storehouse.listing.databases[0], _ALL)


def listed(storehouse: Storehouse) -> list[dict[str, Any]]:
    """What shoppers see, in its order."""
    rows = query(storehouse.listing.databases[0], _SHOWN)
    return [json.loads(body) for (body,) in rows]
