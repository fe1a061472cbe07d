"""Kills a process before any one of its statements.

A fork of the test does the work. Statements are those that it sends to the driver, each
commit included.
"""

import os
import signal
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa


def killed_before(statement: int, work: Callable[[], object]) -> bool:
    """False if `work` has come to its end before that statement."""
    worker = os.fork()
    if worker == 0:
        # Nothing of the test may go on here.
        try:
            _die_before(statement)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(worker, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _die_before(statement: int) -> None:
    left = iter(range(statement))

    def count(*_: Any) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    @sa.event.listens_for(sa.Engine, "connect")
    def count_on_sqlite(connection: Any, _: Any) -> None:
        trace = getattr(connection, "set_trace_callback", None)
        if trace is not None:
            trace(count)

    execute, commit = psycopg.Cursor.execute, psycopg.Connection.commit

    def counted_execute(*given: Any, **more: Any) -> Any:
        count()
        return execute(*given, **more)

    def counted_commit(*given: Any) -> None:
        count()
        commit(*given)

    # Of the fork alone.
    vars(psycopg)["Cursor"].execute = counted_execute
    vars(psycopg)["Connection"].commit = counted_commit
