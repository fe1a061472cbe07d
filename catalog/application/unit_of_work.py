"""What a handler changes, as one."""

from types import TracebackType
from typing import Protocol, Self

from catalog.domain.product import ProductRepository


class CatalogUnitOfWork(Protocol):
    """Products and the events they recorded are kept together, or not at all.

    `with work:` without a `commit()` in it keeps nothing.
    """

    @property
    def products(self) -> ProductRepository: ...

    def commit(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
