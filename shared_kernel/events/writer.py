"""The one writer of a context: it executes commands, several in one transaction.

Each commit costs a flush of the disk, whatever its size. So commands that arrive during
one commit share the next one.
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

BeforeCommit = Callable[[Connection, Sequence[BaseException | None]], None]

BATCH = 256
CONFLICTS = 3
"""How often commands are tried in a shared commit; after that, each by itself."""


@attrs.frozen
class Committed(Generic[R]):
    """A handler's result, after the commit.

    A reader that has applied the log up to `position` shows all that the command
    changed.
    """

    result: R
    position: int


class _RolledBackError(Exception):
    """Undoes the transaction of a dry run."""


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
    """Executes commands one after the other; those that wait share one commit.

    A thread that finds no other writing executes all waiting commands, and then lets
    the first thread that has come since do the same. Each caller returns after the
    commit, when its events have positions. A `dry` one rolls all back: the answers are
    those that a real one would give, at position 0.
    """

    def __init__(
        self,
        database: Database,
        log: EventLog,
        unit_of_work: Callable[[Connection], W],
        on_commit: Callable[[], None] = lambda: None,
        *,
        dry: bool = False,
    ) -> None:
        self._database = database
        self._log = log
        self._unit_of_work = unit_of_work
        self._on_commit = on_commit
        self._dry = dry
        self._mutex = threading.Lock()
        self._waiting: list[_Job[Any, W, Any]] = []
        self._busy = False

    def dry(self) -> "Writer[W]":
        """One for the same database that keeps nothing."""
        return Writer(self._database, self._log, self._unit_of_work, dry=True)

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
        before_commit: BeforeCommit | None = None,
    ) -> list[Committed[R] | DomainError]:
        """In one commit, each command as if alone; refusals are returned in place.

        `before_commit` gets the connection and the refusals, None for each command that
        was executed: what it writes is part of that commit. If it or one command raises
        anything else, nothing is committed.
        """
        trace = current_traceparent.get()
        jobs = [_Job(handler, command, trace) for command in commands]
        if before_commit is None and not self._dry:
            self._run(jobs)
        else:
            self._commit_with_retries(jobs, before_commit)
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
                next_leader = self._waiting[0] if self._waiting else None
            if next_leader is not None:
                next_leader.turn.release()
            # Meanwhile the next leader writes.
            self._settle(batch)
            for job in batch:
                job.done = True
                if job.turn.locked():
                    job.turn.release()

    def _run(self, jobs: Sequence[_Job[Any, W, Any]]) -> None:
        try:
            self._commit_with_retries(jobs)
        except Exception as error:  # noqa: BLE001 - the caller raises it
            # A fault of the database would hit each command alone as well, only more
            # slowly.
            permanent = is_fault(error) and not isinstance(error, ConcurrentUpdateError)
            if len(jobs) == 1 or permanent:
                for job in jobs:
                    job.error = error
                return
            # One failing command must not fail the others: each gets a commit of its
            # own.
            for job in jobs:
                self._run([job])

    def _commit_with_retries(
        self,
        jobs: Sequence[_Job[Any, W, Any]],
        before_commit: BeforeCommit | None = None,
    ) -> None:
        """Retries transient faults that left nothing done, until a deadline."""
        conflicts = 0

        def is_transient(error: Exception) -> bool:
            nonlocal conflicts
            if isinstance(error, ConcurrentUpdateError):
                conflicts += 1
                return len(jobs) == 1 or conflicts < CONFLICTS
            return isinstance(error, ConnectionLostError)

        retried(partial(self._commit, jobs, before_commit), is_transient)

    def _commit(
        self,
        jobs: Sequence[_Job[Any, W, Any]],
        before_commit: BeforeCommit | None,
    ) -> None:
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
                if before_commit is not None:
                    before_commit(connection, [job.error for job in jobs])
                if self._dry:
                    raise _RolledBackError
        except _RolledBackError:
            return
        except OutcomeUnknownError as error:
            self._find_out(appended, error)
        for job in jobs:
            job.appended = appended

    def _settle(self, jobs: Sequence[_Job[Any, W, Any]]) -> None:
        """Give committed events positions: each result is returned with one."""
        committed = {job.appended for job in jobs if job.appended is not None}
        try:
            heads = {
                each: _answered(partial(self._log.settle, each)) for each in committed
            }
        except Exception as error:  # noqa: BLE001 - the caller raises it
            for job in jobs:
                job.error = job.error or OutcomeUnknownError(str(error))
            return
        for job in jobs:
            if job.appended is not None:
                # If others have appended meanwhile, this is higher than its own
                # position.
                after = job.appended.count - job.accepted
                job.position = heads[job.appended] - after
        self._on_commit()

    def _find_out(self, appended: Appended, error: OutcomeUnknownError) -> None:
        """Return if the transaction was committed after all.

        Raises ConnectionLostError if it was not, so that it is retried, and `error` if
        that cannot be found out in time.
        """
        if not appended.count:
            # It appended no events, so a retry does nothing twice.
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
    """Retry a query whenever the connection is lost: that is always safe."""
    return retried(
        ask, lambda e: isinstance(e, ConnectionLostError | OutcomeUnknownError)
    )


def _answer(job: _Job[Any, Any, R]) -> Committed[R]:
    if job.error is not None:
        raise job.error
    return Committed(job.result, job.position)
