"""The product listing, as a test looks at it."""

import json
from typing import Any

import sqlalchemy as sa

from catalog.read_model.product_listing import product_listing
from shared_kernel.runtime.running import RunningServices
from shared_kernel.storage.prepared import Prepared
from tests.storehouses import query

_ALL = Prepared(sa.select(product_listing).order_by(product_listing.c.code))
_SHOWN = Prepared(
    sa.select(product_listing.c.body)
    .where(product_listing.c.place.is_not(None))
    .order_by(product_listing.c.place)
)


def rows_of_listing(storehouse: RunningServices) -> list[tuple[Any, ...]]:
    """Every row with all its columns."""
    return query(storehouse.service("catalog-queries").databases[0], _ALL)


def listed(storehouse: RunningServices) -> list[dict[str, Any]]:
    """What shoppers see, in its order."""
    rows = query(storehouse.service("catalog-queries").databases[0], _SHOWN)
    return [json.loads(body) for (body,) in rows]
