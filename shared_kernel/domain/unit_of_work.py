"""What a handler changes, as one (Fowler, PoEAA: Unit of Work)."""

from types import TracebackType
from typing import Protocol, Self


class UnitOfWork(Protocol):
    """Aggregates and the events they recorded are kept together, or not at all.

    `with work:` without a `commit()` in it keeps nothing. A context adds its
    repositories.
    """

    def commit(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
