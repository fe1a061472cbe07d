"""Registers the product of a row, or changes the one that is registered."""

from enum import Enum

import attrs

from catalog.adapters.product_rows import GivenProduct
from catalog.application.commands import (
    DescribeProduct,
    DiscontinueProduct,
    RegisterProduct,
    RelistProduct,
    RenameProduct,
    RepriceProduct,
)
from catalog.application.handlers import (
    describe_product,
    discontinue_product,
    register_product,
    relist_product,
    rename_product,
    reprice_product,
)
from catalog.application.unit_of_work import CatalogUnitOfWork
from catalog.domain.amounts import amount_in_text
from catalog.domain.product import Product
from catalog.domain.value_objects import OpeningStock, Price, Status
from shared_kernel.domain.errors import DomainError

LONGEST_SHOWN = 60


class Imported(Enum):
    REGISTERED = "registered"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@attrs.frozen(kw_only=True)
class RegisteredDifferently(DomainError):
    """`differences` are for people: what is registered, and what was given."""

    sku: str
    registered_name: str
    differences: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.sku} is already registered as {self.registered_name!r}; it differs "
            f"in its {', '.join(self.differences)}"
        )


def import_product(given: GivenProduct, work: CatalogUnitOfWork) -> Imported:
    """Raises RegisteredDifferently. What a row does not say is not compared."""
    known = work.products.find(given.sku)
    if known is None:
        _register(given, work)
        return Imported.REGISTERED
    if differences := _differences(given, known):
        raise RegisteredDifferently(
            sku=given.sku.code,
            registered_name=known.name.text,
            differences=tuple(differences),
        )
    return Imported.UNCHANGED


def import_or_update_product(given: GivenProduct, work: CatalogUnitOfWork) -> Imported:
    """A command for each difference. Raises ProductIsDiscontinued."""
    known = work.products.find(given.sku)
    if known is None:
        _register(given, work)
        return Imported.REGISTERED
    if not _differences(given, known):
        return Imported.UNCHANGED
    sku = given.sku
    if given.status is Status.LISTED:
        relist_product(RelistProduct(sku=sku), work)
    if given.name != known.name:
        rename_product(RenameProduct(sku=sku, name=given.name), work)
    if given.description not in (None, known.description):
        described = DescribeProduct(sku=sku, description=given.description)
        describe_product(described, work)
    if given.price not in (None, known.price):
        reprice_product(RepriceProduct(sku=sku, price=given.price), work)
    if given.status is Status.DISCONTINUED:
        discontinue_product(DiscontinueProduct(sku=sku), work)
    return Imported.UPDATED


def _register(given: GivenProduct, work: CatalogUnitOfWork) -> None:
    registration = RegisterProduct(
        sku=given.sku,
        name=given.name,
        description=given.description,
        price=given.price,
        opening_stock=given.opening_stock or OpeningStock(0),
    )
    register_product(registration, work)
    if given.status is Status.DISCONTINUED:
        discontinue_product(DiscontinueProduct(sku=given.sku), work)


def _differences(given: GivenProduct, known: Product) -> list[str]:
    """Of what the row says."""
    pairs = (
        ("name", given.name, known.name),
        ("description", given.description, known.description),
        ("price", given.price, known.price),
        ("status", given.status, known.status),
    )
    return [
        f"{field} ({_shown(there)} there, {_shown(here)} here)"
        for field, here, there in pairs
        if here is not None and here != there
    ]


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, Price):
        return amount_in_text(value)
    text = str(value)
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")
