"""Translates the catalog's events to inventory's commands."""

import attrs

from inventory.application.commands import OpenStock, ReopenStock, RetireStock
from inventory.domain.value_objects import Count
from shared_kernel.buses.envelope import Envelope
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import Sku
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.reading import read_as

SOURCE = "catalog"


@attrs.frozen(kw_only=True)
class ProductInserted:
    """The fields that inventory reads of `product.inserted`."""

    sku: str
    stock_count: int


@attrs.frozen(kw_only=True)
class ProductSeen:
    """The fields that it reads of `product.discontinued` and `product.relisted`."""

    sku: str


def translate(envelope: Envelope) -> OpenStock | RetireStock | ReopenStock | None:
    """The command that follows for inventory, if any. Raises UnreadableEventError."""
    try:
        match envelope.type:
            case "product.inserted":
                inserted = read_as(ProductInserted, envelope)
                return OpenStock(
                    sku=Sku(inserted.sku), on_hand=Count(inserted.stock_count)
                )
            case "product.discontinued":
                return RetireStock(sku=Sku(read_as(ProductSeen, envelope).sku))
            case "product.relisted":
                return ReopenStock(sku=Sku(read_as(ProductSeen, envelope).sku))
            case _:
                return None
    except InvalidValue as error:
        raise UnreadableEventError(f"{envelope}: {error}") from error
