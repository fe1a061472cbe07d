"""The refusals of shipping.

DomainError
├── ProductNotSold       the product is unknown or discontinued
└── ParcelAlreadyOpened  the reference is that of a parcel for another product
"""

import attrs

from shared_kernel.domain.errors import DomainError


@attrs.frozen(kw_only=True)
class ProductNotSold(DomainError):
    sku: str

    def __str__(self) -> str:
        return f"no product {self.sku} is sold"


@attrs.frozen(kw_only=True)
class ParcelAlreadyOpened(DomainError):
    reference: str
    sku: str

    def __str__(self) -> str:
        return f"{self.reference} is already opened for {self.sku}"
