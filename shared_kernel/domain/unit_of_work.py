"""All changes of a handler, committed together (Fowler, PoEAA: Unit of Work)."""

from types import TracebackType
from typing import Protocol, Self


class UnitOfWork(Protocol):
    """Commits aggregates and their recorded events together, or neither.

    Leaving `with work:` without a `commit()` discards all changes. Each context adds
    its repositories.
    """

    def commit(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
