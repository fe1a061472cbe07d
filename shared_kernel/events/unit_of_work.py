"""One transaction: aggregates, and the events they caused, together (law 1)."""

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec
from sqlalchemy.engine import Connection

from shared_kernel.clock import Clock, to_us
from shared_kernel.domain.aggregate import Aggregate
from shared_kernel.domain.event import DomainEvent
from shared_kernel.events.entries import Entry
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.positions import Appended

A = TypeVar("A", bound=Aggregate)
A_co = TypeVar("A_co", bound=Aggregate, covariant=True)

current_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The trace to which commands belong (W3C Trace Context)."""


class Repository(Protocol[A_co]):
    """What a unit of work needs of a repository, apart from what handlers need."""

    def changed(self) -> Iterable[A_co]:
        """Those that may have recorded events since the last call."""

    def flush(self) -> None:
        """Write all new and changed aggregates. Raises ConcurrentUpdateError."""


class SqlUnitOfWork(Generic[A]):
    """One command's part of a transaction that several commands may share.

    `with work:` opens a part and `work.commit()` accepts it. A part that is left
    without commit (its command was refused) adds nothing. Rows are written once, by
    `flush`.
    """

    def __init__(
        self,
        connection: Connection,
        log: EventLog,
        repository: Repository[A],
        publish: Callable[[DomainEvent, int, A], tuple[str, object]],
        clock: Clock,
    ) -> None:
        self.connection = connection
        self.traceparent: str | None = None
        self._log = log
        self._repository = repository
        self._publish = publish
        self._clock = clock
        self._entries: list[Entry] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def commit(self) -> None:
        """Accept what the aggregates recorded since the last part."""
        for aggregate in self._repository.changed():
            key = aggregate.key
            for version, event in aggregate.collect():
                subject, published = self._publish(event, version, aggregate)
                data = msgspec.json.encode(published)
                self._entries.append(Entry(subject, key, data, self.traceparent))

    @property
    def accepted(self) -> int:
        """How many events the parts so far will append to the log."""
        return len(self._entries)

    def prefetch(self, commands: Sequence[Any]) -> None:
        """Load in few statements what `commands` will ask for one by one."""

    def flush(self) -> Appended:
        """Write rows and log entries."""
        self._repository.flush()
        entries, self._entries = self._entries, []
        return self._log.append(self.connection, entries, to_us(self._clock()))
