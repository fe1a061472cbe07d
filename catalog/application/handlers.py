"""One function for each command; each returns the product's version after it.

They raise the refusals of `catalog.domain.errors`, and StaleVersion.
"""

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


def register_product(command: RegisterProduct, work: CatalogUnitOfWork) -> int:
    with work:
        known = work.products.find(command.sku)
        if known is not None:
            raise SkuAlreadyRegistered(
                sku=command.sku.code,
                registered_name=known.name.text,
                as_given=(known.name, known.description, known.price)
                == (command.name, command.description, command.price),
            )
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
    with work:
        product = work.products.get(command.sku)
        product.expect(command.expected_version)
        product.rename(command.name)
        work.commit()
        return product.version


def describe_product(command: DescribeProduct, work: CatalogUnitOfWork) -> int:
    with work:
        product = work.products.get(command.sku)
        product.expect(command.expected_version)
        product.describe(command.description)
        work.commit()
        return product.version


def reprice_product(command: RepriceProduct, work: CatalogUnitOfWork) -> int:
    with work:
        product = work.products.get(command.sku)
        product.expect(command.expected_version)
        product.reprice(command.price)
        work.commit()
        return product.version


def discontinue_product(command: DiscontinueProduct, work: CatalogUnitOfWork) -> int:
    with work:
        product = work.products.get(command.sku)
        product.expect(command.expected_version)
        product.discontinue()
        work.commit()
        return product.version


def relist_product(command: RelistProduct, work: CatalogUnitOfWork) -> int:
    with work:
        product = work.products.get(command.sku)
        product.expect(command.expected_version)
        product.relist()
        work.commit()
        return product.version
