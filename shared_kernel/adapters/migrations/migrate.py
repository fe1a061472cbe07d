"""Alembic without an ini file: each database has its own folder of revisions."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError

from shared_kernel.adapters.database import (
    MEND,
    Database,
    StorageUnavailableError,
    is_fault,
)

HERE = Path(__file__).parent


def migrate(database: Database, revisions: Path) -> None:
    """Apply what of `revisions` the database has not seen, in one transaction.

    Raises StorageUnavailableError, naming the database.
    """
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(revisions))
    config.set_main_option("path_separator", "os")
    try:
        with database.writing() as connection:
            context = MigrationContext.configure(connection)
            head = ScriptDirectory.from_config(config).get_current_head()
            if context.get_current_revision() == head:
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except Exception as error:
        if not is_fault(error) and not isinstance(error, DatabaseError):
            raise
        why = getattr(error, "orig", error)
        raise StorageUnavailableError(
            f"{database.url} cannot be opened: {why}; {MEND}"
        ) from error
