"""Alembic without an ini file: each database has its own folder of revisions.

SQLite is upgraded at the start. A PostgreSQL database is shared by several processes,
so it is upgraded only by command: `flask --app app database upgrade`.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError, NotSupportedError, ProgrammingError

from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import (
    StorageUnavailableError,
    WrongSchemaError,
    is_fault,
)

HERE = Path(__file__).parent


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
        return _scripts(self.revisions).get_current_head() or ""

    def prepare(self) -> None:
        """At the start: upgrade a database of this process alone, else expect `head`.

        Raises StorageUnavailableError, naming the database.
        """
        if self.database.upgrades_itself:
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
        return self._change(lambda config: command.upgrade(config, "head"), self.head)

    def downgrade(self, to: str) -> bool:
        """Go back to the revision `to`, or to `base`: no tables.

        Raises StorageUnavailableError, naming the database.
        """
        return self._change(lambda config: command.downgrade(config, to), to)

    def _change(self, change: Callable[[Config], None], to: str) -> bool:
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
            config = _config(self.revisions)
            config.attributes["connection"] = connection
            change(config)
            return True

    def _state(self, connection: Connection) -> SchemaState:
        scripts = _scripts(self.revisions)
        return SchemaState(
            MigrationContext.configure(connection).get_current_revision(),
            self.head,
            frozenset(script.revision for script in scripts.walk_revisions()),
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
def _scripts(revisions: Path) -> ScriptDirectory:
    """Reading them takes longer than a migration that has nothing to do."""
    return ScriptDirectory.from_config(_config(revisions))


def _config(revisions: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(revisions))
    config.set_main_option("path_separator", "os")
    return config
