"""PostgreSQL's pipeline mode: what waits for no answer travels with what does.

A statement costs a round trip to the server, which on a network takes longer than most
statements. In a pipeline `BEGIN`, and rows that are only written, go along with the
next question, or with the commit.
https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
"""

from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any

from sqlalchemy.engine import Connection

_KEY = "pipeline"


class Pipeline:
    """Of one transaction: entered before its `BEGIN`, and left for its end.

    `of_driver` is the driver's own. Statements of SQLAlchemy itself leave it too, since
    they want their answer at once.
    """

    def __init__(self, of_driver: AbstractContextManager[Any]) -> None:
        self._stack = ExitStack()
        self._of_driver = self._stack.enter_context(of_driver)
        self._unanswered = False
        self._expected: list[tuple[Any, int]] = []

    def sent(self) -> None:
        """A statement is on its way."""
        self._unanswered = True

    def answered(self) -> None:
        """The last one has been, and so have all before it."""
        self._unanswered = False

    def arrive(self) -> None:
        """Wait until all have been answered. Raises what the driver raises."""
        if self._unanswered:
            self._unanswered = False
            self._of_driver.sync()

    def expect(self, cursor: Any, rows: int) -> None:
        """What the driver's `cursor` has sent is to write so many rows."""
        self._expected.append((cursor, rows))

    @property
    def expects(self) -> bool:
        return bool(self._expected)

    @property
    def is_as_expected(self) -> bool:
        """Once all has been answered."""
        return all(cursor.rowcount == rows for cursor, rows in self._expected)

    def leave(self) -> None:
        """The same; from here on each statement is answered by itself."""
        self._stack.close()


def enter(connection: Connection, of_driver: AbstractContextManager[Any]) -> None:
    connection.info[_KEY] = Pipeline(of_driver)


def pipeline_of(connection: Connection) -> Pipeline | None:
    """That in which `connection` sends its statements, if it is in one."""
    pipeline: Pipeline | None = connection.info.get(_KEY)
    return pipeline


def leave(connection: Connection) -> None:
    """Raises what the driver raises, for statements that nobody has waited for."""
    pipeline = connection.info.pop(_KEY, None)
    if pipeline is not None:
        pipeline.leave()


def abandon(connection: Connection) -> None:
    """The same, whatever became of those statements."""
    with suppress(Exception):
        leave(connection)
