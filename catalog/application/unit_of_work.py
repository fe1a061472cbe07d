"""What a handler changes, as one."""

from typing import Protocol

from catalog.domain.product import ProductRepository
from shared_kernel.domain.foreign_names import RouteWords
from shared_kernel.domain.unit_of_work import UnitOfWork


class CatalogUnitOfWork(UnitOfWork, Protocol):
    """Products and the events they recorded.

    A new SKU has none of the `route_words`: its product would not be found by its URL.
    """

    @property
    def products(self) -> ProductRepository: ...

    @property
    def route_words(self) -> RouteWords: ...
