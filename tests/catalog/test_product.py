from collections.abc import Callable

import pytest

from catalog.domain.errors import ProductIsDiscontinued
from catalog.domain.events import (
    ProductDescribed,
    ProductDiscontinued,
    ProductRegistered,
    ProductRelisted,
    ProductRenamed,
    ProductRepriced,
)
from catalog.domain.product import Product
from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
    Status,
)
from shared_kernel.domain.errors import StaleVersion
from tests.catalog.builders import LAMP, a_product

READING_LAMP = ProductName("Reading lamp")
BRASS = Description("Brass.")
PRICE = Price(1999, "EUR")

Change = Callable[[Product], None]
CHANGES: list[Change] = [
    lambda product: product.rename(READING_LAMP),
    lambda product: product.describe(BRASS),
    lambda product: product.reprice(PRICE),
]


def test_a_registration_records_all_given_values() -> None:
    product = Product.register(
        LAMP, ProductName("Desk lamp"), BRASS, PRICE, OpeningStock(5)
    )

    assert product.collect() == [
        (
            1,
            ProductRegistered(
                sku=LAMP,
                name=ProductName("Desk lamp"),
                description=BRASS,
                price=PRICE,
                opening_stock=OpeningStock(5),
            ),
        )
    ]
    assert product.status is Status.LISTED


def test_each_change_is_recorded_with_the_next_version() -> None:
    product = a_product()

    for change in CHANGES:
        change(product)
    product.discontinue()
    product.relist()

    assert product.collect() == [
        (2, ProductRenamed(sku=LAMP, name=READING_LAMP)),
        (3, ProductDescribed(sku=LAMP, description=BRASS)),
        (4, ProductRepriced(sku=LAMP, price=PRICE)),
        (5, ProductDiscontinued(sku=LAMP)),
        (6, ProductRelisted(sku=LAMP)),
    ]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_without_effect_records_nothing(change: Change) -> None:
    product = a_product()
    change(product)
    product.collect()

    change(product)

    assert product.collect() == []


def test_relisting_a_listed_product_and_discontinuing_twice_record_nothing() -> None:
    listed, discontinued = a_product(), a_product(discontinued=True)

    listed.relist()
    discontinued.discontinue()

    assert listed.collect() == discontinued.collect() == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_discontinued_product_refuses_changes_and_stays_as_it_is(
    change: Change,
) -> None:
    product = a_product(discontinued=True)

    with pytest.raises(ProductIsDiscontinued) as refusal:
        change(product)

    assert refusal.value.sku == LAMP.code
    assert (product.name, product.description, product.price) == (
        ProductName("Desk lamp"),
        None,
        None,
    )
    assert product.collect() == []


def test_a_description_and_a_price_can_be_removed() -> None:
    product = a_product(description="Brass.", price=PRICE)

    product.describe(None)
    product.reprice(None)

    assert (product.description, product.price) == (None, None)


def test_expecting_another_version_is_refused() -> None:
    product = a_product()

    product.expect(None)
    product.expect(1)
    with pytest.raises(StaleVersion) as refusal:
        product.expect(2)

    assert (refusal.value.seen, refusal.value.current) == (2, 1)
