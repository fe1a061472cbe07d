"""What a handler changes, as one."""

from typing import Protocol

from catalog.domain.product import ProductRepository
from shared_kernel.domain.unit_of_work import UnitOfWork


class CatalogUnitOfWork(UnitOfWork, Protocol):
    """Products and the events they recorded."""

    @property
    def products(self) -> ProductRepository: ...
