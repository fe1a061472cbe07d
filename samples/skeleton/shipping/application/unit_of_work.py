"""The port of the unit of work: all changes of a handler, committed together."""

from typing import Protocol

from shared_kernel.domain.unit_of_work import UnitOfWork
from shipping.domain.parcel import ParcelRepository, ProductRepository


class ShippingUnitOfWork(UnitOfWork, Protocol):
    """Parcels and the events they recorded; products are only read."""

    @property
    def parcels(self) -> ParcelRepository: ...

    @property
    def products(self) -> ProductRepository: ...
