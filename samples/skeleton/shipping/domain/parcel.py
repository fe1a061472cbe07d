"""The parcel: its reference, and the product that it is for."""

from typing import Protocol

import attrs

from shared_kernel.domain.aggregate import Aggregate
from shared_kernel.domain.sku import Sku
from shipping.domain.errors import ParcelAlreadyOpened, ProductNotSold
from shipping.domain.events import ParcelOpened
from shipping.domain.value_objects import ParcelReference, Product


@attrs.define(eq=False, kw_only=True)
class Parcel(Aggregate):
    """`name` is the name that the product had when the parcel was opened."""

    reference: ParcelReference
    sku: Sku
    name: str

    @property
    def key(self) -> str:
        return self.reference.code

    @classmethod
    def open(cls, reference: ParcelReference, product: Product) -> "Parcel":
        """Raises ProductNotSold."""
        if not product.sold:
            raise ProductNotSold(sku=product.sku.code)
        parcel = cls(reference=reference, sku=product.sku, name=product.name)
        parcel.record(ParcelOpened(reference=reference, sku=product.sku))
        return parcel

    def open_again(self, sku: Sku) -> None:
        """Changes nothing. Raises ParcelAlreadyOpened if it is for another product."""
        if sku != self.sku:
            raise ParcelAlreadyOpened(reference=self.key, sku=self.sku.code)


class ParcelRepository(Protocol):
    """All parcels."""

    def find(self, reference: ParcelReference) -> Parcel | None: ...

    def add(self, parcel: Parcel) -> None: ...


class ProductRepository(Protocol):
    """The products of the catalog, as of its newest events."""

    def get(self, sku: Sku) -> Product:
        """Raises ProductNotSold."""
        ...
