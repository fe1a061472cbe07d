"""Alembic without an ini file: each database has its own folder of revisions.

A module of its own, since Alembic is a seventh of what a process imports, and nearly
always there is nothing to migrate.
"""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

HERE = Path(__file__).parent
Change = Callable[[Config], None]


def upgrade(config: Config) -> None:
    command.upgrade(config, "head")


def downgrade(config: Config, to: str) -> None:
    command.downgrade(config, to)


def run(change: Change, connection: Connection, revisions: Path) -> None:
    """Within the open transaction of `connection`."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(revisions))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    change(config)
