"""The catalog's refusals.

DomainError
├── UnknownProduct         nothing was registered under this SKU
├── SkuAlreadyRegistered   another registration has this SKU
└── ProductIsDiscontinued  a discontinued product can only be relisted
"""

import attrs

from shared_kernel.domain.errors import DomainError


@attrs.frozen(kw_only=True)
class UnknownProduct(DomainError):
    sku: str

    def __str__(self) -> str:
        return f"there is no product {self.sku}"


@attrs.frozen(kw_only=True)
class SkuAlreadyRegistered(DomainError):
    """`as_given`: name, description and price are exactly those asked for."""

    sku: str
    registered_name: str
    as_given: bool

    def __str__(self) -> str:
        return f"{self.sku} is already registered as {self.registered_name!r}"


@attrs.frozen(kw_only=True)
class ProductIsDiscontinued(DomainError):
    sku: str

    def __str__(self) -> str:
        return f"{self.sku} is discontinued; relist it first"
