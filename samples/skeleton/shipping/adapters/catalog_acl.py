"""Translates the catalog's events to the language of shipping."""

from collections.abc import Sequence

import attrs

from shared_kernel.buses.envelope import Envelope
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import Sku
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.reading import read_as
from shipping.domain.value_objects import Product

SOURCE = "catalog"
LISTED = "listed"


@attrs.frozen(kw_only=True)
class ProductSeen:
    """The fields that shipping reads of every `product.*` event."""

    sku: str
    name: str
    status: str


def products(batch: Sequence[Envelope]) -> list[Product]:
    """The product of each event. Raises UnreadableEventError."""
    return [_product(envelope) for envelope in batch]


def _product(envelope: Envelope) -> Product:
    seen = read_as(ProductSeen, envelope)
    try:
        sku = Sku(seen.sku)
    except InvalidValue as error:
        raise UnreadableEventError(f"{envelope}: {error}") from error
    return Product(sku=sku, name=seen.name, sold=seen.status == LISTED)
