"""Products for tests, with defaults for irrelevant values."""

from catalog.application.commands import RegisterProduct
from catalog.domain.product import Product
from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
)
from shared_kernel.domain.sku import Sku

LAMP = Sku("LAMP-0001")


def a_product(
    sku: Sku = LAMP,
    name: str = "Desk lamp",
    description: str | None = None,
    price: Price | None = None,
    *,
    discontinued: bool = False,
) -> Product:
    """A registered product, whose events have been collected."""
    product = Product.register(
        sku,
        ProductName(name),
        None if description is None else Description(description),
        price,
        OpeningStock(0),
    )
    if discontinued:
        product.discontinue()
    product.collect()
    return product


def a_registration(
    sku: Sku = LAMP, name: str = "Desk lamp", pieces: int = 5
) -> RegisterProduct:
    return RegisterProduct(
        sku=sku, name=ProductName(name), opening_stock=OpeningStock(pieces)
    )
