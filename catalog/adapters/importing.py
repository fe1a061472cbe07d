"""Registers the product of a row, or changes the one that is registered."""

from collections.abc import Mapping
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


Versions = Mapping[str, int]
"""Of products by folded SKU, when a file was sent; others were not registered."""


class Became(Enum):
    REGISTERED = "registered"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@attrs.frozen
class Imported:
    """What became of a row; of an update, `differences` are what it has changed."""

    became: Became
    differences: tuple[str, ...] = ()


_REGISTERED, _UNCHANGED = Imported(Became.REGISTERED), Imported(Became.UNCHANGED)


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


@attrs.frozen(kw_only=True)
class ChangedMeanwhile(DomainError):
    """Somebody has changed the product after the file was sent: that is newer."""

    sku: str
    version_then: int
    version: int
    differences: tuple[str, ...]

    def __str__(self) -> str:
        was = "changed" if self.version_then else "registered"
        return (
            f"{self.sku} was {was} after this file was sent, so it stays as it is; it "
            f"differs in its {', '.join(self.differences)}; if the file is right, send "
            "this row again"
        )


def import_product(given: GivenProduct, work: CatalogUnitOfWork) -> Imported:
    """Raises RegisteredDifferently. What a row does not say is not compared."""
    known = work.products.find(given.sku)
    if known is None:
        _register(given, work)
        return _REGISTERED
    if differences := _differences(given, known):
        raise RegisteredDifferently(
            sku=given.sku.code,
            registered_name=known.name.text,
            differences=differences,
        )
    return _UNCHANGED


def import_or_update_product(
    given: GivenProduct, work: CatalogUnitOfWork, versions: Versions | None = None
) -> Imported:
    """A command for each difference.

    With `versions`, what was changed since is not. Raises ChangedMeanwhile and
    ProductIsDiscontinued.
    """
    known = work.products.find(given.sku)
    if known is None:
        _register(given, work)
        return _REGISTERED
    differences = _differences(given, known)
    if not differences:
        return _UNCHANGED
    if versions is not None:
        _refuse_if_changed(known, versions, differences)
    _update(given, known, work)
    return Imported(Became.UPDATED, differences)


def _refuse_if_changed(
    known: Product, versions: Versions, differences: tuple[str, ...]
) -> None:
    then = versions.get(known.sku.folded, 0)
    if then != known.version:
        raise ChangedMeanwhile(
            sku=known.sku.code,
            version_then=then,
            version=known.version,
            differences=differences,
        )


def _update(given: GivenProduct, known: Product, work: CatalogUnitOfWork) -> None:
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


def _differences(given: GivenProduct, known: Product) -> tuple[str, ...]:
    """Of what the row says."""
    pairs = (
        ("name", given.name, known.name),
        ("description", given.description, known.description),
        ("price", given.price, known.price),
        ("status", given.status, known.status),
    )
    return tuple(
        f"{field} ({_shown(there)} there, {_shown(here)} here)"
        for field, here, there in pairs
        if here is not None and here != there
    )


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, Price):
        return amount_in_text(value)
    text = str(value)
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")
