"""The one writer of a context: it executes commands, several in one commit.

A transaction costs a flush of the disk, whatever is in it. So commands that arrive
while another is being committed share the next one.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

import attrs
from sqlalchemy.engine import Connection

from shared_kernel.domain.errors import DomainError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.positions import Appended
from shared_kernel.events.unit_of_work import (
    SqlUnitOfWork,
    current_traceparent,
)
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import (
    ConcurrentUpdateError,
    ConnectionLostError,
    OutcomeUnknownError,
    is_fault,
)
from shared_kernel.storage.retry import retried

C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")
W = TypeVar("W", bound=SqlUnitOfWork[Any])

BATCH = 256
CONFLICTS = 3
"""So often commands that share a commit try it together; then each by itself."""


@attrs.frozen
class Committed(Generic[R]):
    """What a handler answered, durable now.

    Who has seen everything up to `position` of the log has seen all that the command
    changed.
    """

    result: R
    position: int


@attrs.define(eq=False)
class _Job(Generic[C, W, R]):
    handler: Callable[[C, W], R]
    command: C
    traceparent: str | None
    result: Any = None
    accepted: int = 0
    appended: Appended | None = None
    position: int = 0
    error: BaseException | None = None
    done: bool = False
    turn: threading.Lock = attrs.field(factory=threading.Lock)


class Writer(Generic[W]):
    """Executes commands one after the other, those that wait together in one commit.

    The thread that finds nobody writing writes for all who came meanwhile, and then
    hands the pen to the first who came since. Each caller returns after the commit,
    when its events have positions.
    """

    def __init__(
        self,
        database: Database,
        log: EventLog,
        unit_of_work: Callable[[Connection], W],
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._log = log
        self._unit_of_work = unit_of_work
        self._on_commit = on_commit
        self._mutex = threading.Lock()
        self._waiting: list[_Job[Any, W, Any]] = []
        self._busy = False

    def execute(self, handler: Callable[[C, W], R], command: C) -> Committed[R]:
        """Raises what the handler raised: a refusal changed nothing."""
        job = _Job(handler, command, current_traceparent.get())
        with self._mutex:
            self._waiting.append(job)
            leads, self._busy = not self._busy, True
            if not leads:
                job.turn.acquire()
        if not leads:
            job.turn.acquire()
        if not job.done:
            self._write()
        return _answer(job)

    def execute_all(
        self,
        handler: Callable[[C, W], R],
        commands: Sequence[C],
    ) -> list[Committed[R] | DomainError]:
        """In one commit, each command as if alone: a refusal stands in its place."""
        trace = current_traceparent.get()
        jobs = [_Job(handler, command, trace) for command in commands]
        self._run(jobs)
        self._settle(jobs)
        return [
            job.error if isinstance(job.error, DomainError) else _answer(job)
            for job in jobs
        ]

    def _write(self) -> None:
        with self._mutex:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        try:
            self._run(batch)
        except BaseException as error:  # noqa: BLE001 - each caller raises it
            for job in batch:
                job.error = error
        finally:
            with self._mutex:
                self._busy = bool(self._waiting)
                heir = self._waiting[0] if self._waiting else None
            if heir is not None:
                heir.turn.release()
            # Meanwhile the next ones are written.
            self._settle(batch)
            for job in batch:
                job.done = True
                if job.turn.locked():
                    job.turn.release()

    def _run(self, jobs: Sequence[_Job[Any, W, Any]]) -> None:
        try:
            self._commit_with_retries(jobs)
        except Exception as error:  # noqa: BLE001 - told to the caller
            # What a locked database refuses to all, it would refuse to each, slowly.
            permanent = is_fault(error) and not isinstance(error, ConcurrentUpdateError)
            if len(jobs) == 1 or permanent:
                for job in jobs:
                    job.error = error
                return
            # Somebody's fault must not be everybody's: each gets a commit of its own.
            for job in jobs:
                self._run([job])

    def _commit_with_retries(self, jobs: Sequence[_Job[Any, W, Any]]) -> None:
        """Again as long as nothing was done and it may heal; not for ever."""
        conflicts = 0

        def is_transient(error: Exception) -> bool:
            nonlocal conflicts
            if isinstance(error, ConcurrentUpdateError):
                conflicts += 1
                return len(jobs) == 1 or conflicts < CONFLICTS
            return isinstance(error, ConnectionLostError)

        retried(partial(self._commit, jobs), is_transient)

    def _commit(self, jobs: Sequence[_Job[Any, W, Any]]) -> None:
        appended = Appended(0)
        try:
            with self._database.writing() as connection:
                work = self._unit_of_work(connection)
                if len(jobs) > 1:
                    work.prefetch([job.command for job in jobs])
                for job in jobs:
                    work.traceparent = job.traceparent
                    job.error = None
                    try:
                        job.result = job.handler(job.command, work)
                    except DomainError as refusal:
                        job.error = refusal
                    job.accepted = work.accepted
                appended = work.flush()
        except OutcomeUnknownError as error:
            self._find_out(appended, error)
        for job in jobs:
            job.appended = appended

    def _settle(self, jobs: Sequence[_Job[Any, W, Any]]) -> None:
        """What is committed needs its position, or the client hears nothing of it."""
        committed = {job.appended for job in jobs if job.appended is not None}
        try:
            heads = {
                each: _answered(partial(self._log.settle, each)) for each in committed
            }
        except Exception as error:  # noqa: BLE001 - told to the caller
            for job in jobs:
                job.error = job.error or OutcomeUnknownError(str(error))
            return
        for job in jobs:
            if job.appended is not None:
                # Where others have appended meanwhile, this lies behind its own events.
                after = job.appended.count - job.accepted
                job.position = heads[job.appended] - after
        self._on_commit()

    def _find_out(self, appended: Appended, error: OutcomeUnknownError) -> None:
        """Return if it was committed after all.

        Raises ConnectionLostError if it was not, so that it can be tried again, and
        `error` if that cannot be told in time.
        """
        if not appended.count:
            # Nothing happened that could happen twice.
            raise ConnectionLostError(str(error)) from error
        try:
            committed = _answered(partial(self._was_committed, appended, error))
        except ConnectionLostError:
            raise error from None
        if not committed:
            raise ConnectionLostError(str(error)) from error

    def _was_committed(self, appended: Appended, error: OutcomeUnknownError) -> bool:
        committed = self._log.was_committed(appended)
        if committed is None:
            raise error
        return committed


def _answered(ask: Callable[[], T]) -> T:
    """A question may be asked again, whatever became of the connection."""
    return retried(
        ask, lambda e: isinstance(e, ConnectionLostError | OutcomeUnknownError)
    )


def _answer(job: _Job[Any, Any, R]) -> Committed[R]:
    if job.error is not None:
        raise job.error
    return Committed(job.result, job.position)
