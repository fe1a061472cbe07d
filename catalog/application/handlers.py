"""One function for each command; each returns the product's version after it.

They raise the refusals of `catalog.domain.errors`, StaleVersion, and InvalidValue.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from catalog.application.commands import (
    DescribeProduct,
    DiscontinueProduct,
    RegisterProduct,
    RelistProduct,
    RenameProduct,
    RepriceProduct,
)
from catalog.application.unit_of_work import CatalogUnitOfWork
from catalog.domain.errors import SkuAlreadyRegistered
from catalog.domain.product import Product

_Change = (
    RenameProduct
    | DescribeProduct
    | RepriceProduct
    | DiscontinueProduct
    | RelistProduct
)


def register_product(command: RegisterProduct, work: CatalogUnitOfWork) -> int:
    with work:
        _refuse_if_registered(command, work)
        work.route_words.check("sku", command.sku.code)
        product = Product.register(
            command.sku,
            command.name,
            command.description,
            command.price,
            command.opening_stock,
        )
        work.products.add(product)
        work.commit()
        return product.version


def rename_product(command: RenameProduct, work: CatalogUnitOfWork) -> int:
    with _changing(command, work) as product:
        product.rename(command.name)
    return product.version


def describe_product(command: DescribeProduct, work: CatalogUnitOfWork) -> int:
    with _changing(command, work) as product:
        product.describe(command.description)
    return product.version


def reprice_product(command: RepriceProduct, work: CatalogUnitOfWork) -> int:
    with _changing(command, work) as product:
        product.reprice(command.price)
    return product.version


def discontinue_product(command: DiscontinueProduct, work: CatalogUnitOfWork) -> int:
    with _changing(command, work) as product:
        product.discontinue()
    return product.version


def relist_product(command: RelistProduct, work: CatalogUnitOfWork) -> int:
    with _changing(command, work) as product:
        product.relist()
    return product.version


def _refuse_if_registered(asked: RegisterProduct, work: CatalogUnitOfWork) -> None:
    known = work.products.find_same(asked.sku)
    if known is not None:
        raise SkuAlreadyRegistered(
            sku=asked.sku.code,
            registered_sku=known.sku.code,
            registered_name=known.name.text,
            as_given=(known.sku, known.name, known.description, known.price)
            == (asked.sku, asked.name, asked.description, asked.price),
        )


@contextmanager
def _changing(command: _Change, work: CatalogUnitOfWork) -> Iterator[Product]:
    """The product at the version expected; it is committed at the end."""
    with work:
        product = work.products.get(command.sku)
        product.expect(command.expected_version)
        yield product
        work.commit()
