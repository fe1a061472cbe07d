"""PostgreSQL's pipeline mode: fewer round trips to the server.

A statement costs a round trip to the server, which on a network takes longer than most
statements. In a pipeline, `BEGIN` and writes are sent together with the next query, or
with the commit. https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
"""

from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any

from sqlalchemy.engine import Connection

_KEY = "pipeline"


class Pipeline:
    """The pipeline of one transaction: entered before its `BEGIN`, left before its end.

    `of_driver` is the driver's pipeline. Statements executed by SQLAlchemy itself leave
    it too, since they need their results at once.
    """

    def __init__(self, of_driver: AbstractContextManager[Any]) -> None:
        self._stack = ExitStack()
        self._of_driver = self._stack.enter_context(of_driver)
        self._unanswered = False
        self._expected: list[tuple[Any, int]] = []

    def sent(self) -> None:
        """Record that a statement was sent."""
        self._unanswered = True

    def answered(self) -> None:
        """Record that the last statement, and so all before it, has been answered."""
        self._unanswered = False

    def arrive(self) -> None:
        """Wait until all have been answered. Raises what the driver raises."""
        if self._unanswered:
            self._unanswered = False
            self._of_driver.sync()

    def expect(self, cursor: Any, rows: int) -> None:
        """Expect the statement of the driver's `cursor` to write that many rows."""
        self._expected.append((cursor, rows))

    @property
    def expects(self) -> bool:
        return bool(self._expected)

    @property
    def is_as_expected(self) -> bool:
        """Whether the expected rows were written, once everything is answered."""
        return all(cursor.rowcount == rows for cursor, rows in self._expected)

    def leave(self) -> None:
        """As `arrive`; from here on each statement is a round trip of its own."""
        self._stack.close()


def enter(connection: Connection, of_driver: AbstractContextManager[Any]) -> None:
    connection.info[_KEY] = Pipeline(of_driver)


def pipeline_of(connection: Connection) -> Pipeline | None:
    """The pipeline of `connection`, if it is in one."""
    pipeline: Pipeline | None = connection.info.get(_KEY)
    return pipeline


def leave(connection: Connection) -> None:
    """Raises the driver's errors for statements whose answers were not awaited."""
    pipeline = connection.info.pop(_KEY, None)
    if pipeline is not None:
        pipeline.leave()


def abandon(connection: Connection) -> None:
    """The same, but ignores such errors."""
    with suppress(Exception):
        leave(connection)
