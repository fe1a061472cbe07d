"""The catalog's refusals.

DomainError
├── UnknownProduct         nothing was registered under this SKU
├── SkuAlreadyRegistered   another registration has this SKU, or the same but for case
└── ProductIsDiscontinued  a discontinued product can only be relisted
"""

import attrs

from shared_kernel.domain.errors import DomainError


@attrs.frozen(kw_only=True)
class UnknownProduct(DomainError):
    """`registered_sku` is the same but for case or compatibility form, if there is."""

    sku: str
    registered_sku: str | None = None

    def __str__(self) -> str:
        there_is = (
            f", but there is {self.registered_sku}" if self.registered_sku else ""
        )
        return f"there is no product {self.sku}{there_is}"


@attrs.frozen(kw_only=True)
class SkuAlreadyRegistered(DomainError):
    """`as_given`: SKU, name, description and price are exactly those asked for.

    `registered_sku` may differ from `sku` in case or compatibility form.
    """

    sku: str
    registered_sku: str
    registered_name: str
    as_given: bool

    def __str__(self) -> str:
        if self.sku != self.registered_sku:
            return (
                f"{self.sku} is the same as {self.registered_sku}, which is already "
                f"registered as {self.registered_name!r}"
            )
        return f"{self.sku} is already registered as {self.registered_name!r}"


@attrs.frozen(kw_only=True)
class ProductIsDiscontinued(DomainError):
    sku: str

    def __str__(self) -> str:
        return f"{self.sku} is discontinued; relist it first"
