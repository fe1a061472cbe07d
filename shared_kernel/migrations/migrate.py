"""The schema of a database: which revision it is at, and how it gets to another one.

SQLite is upgraded at the start. A PostgreSQL database is shared by several processes,
so it is upgraded only by command: `flask --app app database upgrade`.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError, NotSupportedError, ProgrammingError

from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import (
    StorageUnavailableError,
    WrongSchemaError,
    is_fault,
)
from shared_kernel.storage.prepared import Prepared

VERSIONS = "alembic_version"
_READ_REVISION = Prepared(sa.text("SELECT version_num FROM alembic_version"))


@attrs.frozen
class SchemaState:
    """`revision` is None in a database without tables; `head` is what the code needs.

    A `revision` that is not among `known` is newer than the code.
    """

    revision: str | None
    head: str
    known: frozenset[str]

    @property
    def is_current(self) -> bool:
        return self.revision == self.head

    @property
    def is_newer(self) -> bool:
        return self.revision is not None and self.revision not in self.known


@attrs.frozen
class Schema:
    """The schema of one owner's database, as `revisions` define it.

    `owner` is a name for operators.
    """

    owner: str
    database: Database
    revisions: Path

    @property
    def head(self) -> str:
        """The newest of `revisions`."""
        return _known(self.revisions)[-1]

    def prepare(self) -> None:
        """At the start: upgrade a database of this process alone, else expect `head`.

        Raises StorageUnavailableError, naming the database.
        """
        if self.database.upgrades_itself:
            if not self.state().is_current:
                self.upgrade()
        else:
            self.database.expect(self.head)

    def state(self) -> SchemaState:
        """Raises StorageUnavailableError."""
        with self._errors_named(), self.database.maintaining() as connection:
            return self._state(connection)

    def upgrade(self) -> bool:
        """Apply missing revisions in one transaction; return whether there were any.

        Raises StorageUnavailableError, naming the database.
        """
        from shared_kernel.migrations import alembic_runs  # noqa: PLC0415 - see there

        return self._change(alembic_runs.upgrade, self.head)

    def downgrade(self, to: str) -> bool:
        """Go back to the revision `to`, or to `base`: no tables.

        Raises StorageUnavailableError, naming the database.
        """
        from shared_kernel.migrations import alembic_runs  # noqa: PLC0415

        return self._change(partial(alembic_runs.downgrade, to=to), to)

    def _change(self, change: Callable[[Any], None], to: str) -> bool:
        from shared_kernel.migrations import alembic_runs  # noqa: PLC0415

        with self._errors_named(), self.database.maintaining() as connection:
            self.database.store.begin_upgrade(connection)
            state = self._state(connection)
            if state.revision == to:
                return False
            if state.is_newer:
                raise WrongSchemaError(
                    f"{self.database.shown} is at revision {state.revision}, this "
                    f"version knows none after {self.head}: it was upgraded by a newer "
                    "version of Storehouse: run that one"
                )
            alembic_runs.run(change, connection, self.revisions)
            return True

    def _state(self, connection: Connection) -> SchemaState:
        return SchemaState(
            _revision_of(connection), self.head, frozenset(_known(self.revisions))
        )

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        """Errors name the database."""
        try:
            yield
        except StorageUnavailableError:
            raise
        except Exception as error:
            if not is_fault(error) and not isinstance(error, DatabaseError):
                raise
            why = " ".join(str(getattr(error, "orig", error)).split())
            # If a change is refused, the connection itself works.
            message = (
                f"cannot be changed: {why.rstrip('.')}; nothing was done"
                if isinstance(error, ProgrammingError | NotSupportedError)
                else f"cannot be opened: {why}; {self.database.store.hint}"
            )
            raise StorageUnavailableError(f"{self.database.shown} {message}") from error


@functools.cache
def _known(revisions: Path) -> tuple[str, ...]:
    """In their order; the name of each file begins with its revision."""
    return tuple(sorted(each.name[:4] for each in revisions.glob("[0-9]*.py")))


def _revision_of(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSIONS):
        return None
    row = _READ_REVISION.row(connection, {})
    return row[0] if row else None
