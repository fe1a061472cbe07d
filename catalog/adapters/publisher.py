"""Domain event → published event: the only place that knows both languages."""

from typing import Any

from catalog import published
from catalog.domain import events
from catalog.domain.product import Product
from shared_kernel.domain.event import DomainEvent


def publish(
    event: DomainEvent, version: int, product: Product
) -> tuple[str, published.ProductState]:
    """The subject and payload of `event`, which is number `version` of `product`."""
    price = product.price
    state: dict[str, Any] = {
        "name": product.name.text,
        "sku": product.sku.code,
        "description": product.description.text if product.description else None,
        "price_minor_units": price.minor_units if price else None,
        "price_currency": price.currency if price else None,
        "status": str(product.status),
        "version": version,
    }
    match event:
        case events.ProductRegistered():
            return "product.inserted", published.ProductInserted(
                **state, stock_count=event.opening_stock.pieces
            )
        case events.ProductRenamed():
            return "product.renamed", published.ProductRenamed(**state)
        case events.ProductDescribed():
            return "product.described", published.ProductDescribed(**state)
        case events.ProductRepriced():
            return "product.repriced", published.ProductRepriced(**state)
        case events.ProductDiscontinued():
            return "product.discontinued", published.ProductDiscontinued(**state)
        case events.ProductRelisted():
            return "product.relisted", published.ProductRelisted(**state)
    raise TypeError(f"{type(event).__name__} has no published counterpart")
