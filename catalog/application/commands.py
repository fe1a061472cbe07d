"""The catalog's commands.

`expected_version` is the version the caller decided on, or whatever else it expects:
otherwise the command is refused with StaleVersion or PreconditionFailed. None skips the
check.
"""

import attrs

from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
)
from shared_kernel.domain.expectation import Expectation
from shared_kernel.domain.sku import Sku


@attrs.frozen(kw_only=True)
class RegisterProduct:
    sku: Sku
    name: ProductName
    description: Description | None = None
    price: Price | None = None
    opening_stock: OpeningStock


@attrs.frozen(kw_only=True)
class RenameProduct:
    sku: Sku
    name: ProductName
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class DescribeProduct:
    """None removes the description."""

    sku: Sku
    description: Description | None
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class RepriceProduct:
    """None removes the price."""

    sku: Sku
    price: Price | None
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class DiscontinueProduct:
    sku: Sku
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class RelistProduct:
    sku: Sku
    expected_version: int | Expectation | None = None
