"""Whole storehouses on databases of a test, stepped by hand."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import Connection

from app import Settings, assemble
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.commands import add_commands
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared
from tests.databases import (
    KINDS,
    OWNERS,
    Databases,
    Files,
    FileTemplates,
    PostgresTemplates,
    Schemas,
    Templates,
    in_folder,
)

ON_EACH_DATABASE = [
    kind if kind == "sqlite" else pytest.param(kind, marks=pytest.mark.server)
    for kind in KINDS
]
SUPERSTORE = Path(__file__).parents[1] / "samples" / "superstore"


@contextmanager
def a_storehouse(where: Databases | Path) -> Iterator[RunningServices]:
    """A new storehouse, or the existing one, as after a restart.

    In a folder it is on SQLite.
    """
    storehouse = assemble(Settings(**urls(where), sqlite_synchronous="NORMAL"))
    try:
        yield storehouse
    finally:
        storehouse.stop()


def urls(where: Databases | Path) -> dict[str, Any]:
    """The settings for these databases; a folder means SQLite files."""
    databases = in_folder(where) if isinstance(where, Path) else where
    return {f"{owner}_database_url": databases.url(owner) for owner in OWNERS}


@contextmanager
def a_copy_of(databases: Databases, folder: Path) -> Iterator[Databases]:
    """Copies of the databases; files in `folder`. No process may use them meanwhile."""
    templates: Templates
    if isinstance(databases, Schemas):
        templates = PostgresTemplates(databases.server, databases.database)
    else:
        assert isinstance(databases, Files)
        templates = FileTemplates(databases.folder)
    copy = templates.new(folder)
    try:
        yield copy
    finally:
        templates.drop(copy)


def commands_of(storehouse: RunningServices, group: str | None = None) -> click.Group:
    """All commands, or those of one of their groups."""
    commands = click.Group()
    add_commands(commands, storehouse)
    return cast(click.Group, commands.commands[group]) if group else commands


def run(command: click.Command, *arguments: str | Path) -> Result:
    """Run a command of the command line. Raises what it raises."""
    result = CliRunner().invoke(command, [str(each) for each in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def a_csv(path: Path, header: str, rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return path


def some_ndjson(path: Path, objects: Iterable[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in objects), "utf-8")
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def query(database: Database, statement: Prepared) -> list[tuple[Any, ...]]:
    with database.reading() as connection:
        return statement.rows(connection, {})


class Crash(BaseException):
    """The process has crashed."""


Moment = Literal["instead of", "after"]


def crash_at_commit(
    patch: pytest.MonkeyPatch, number: int, moment: Moment
) -> Callable[[], int]:
    """Crash at the commit with that number; return a function that counts commits."""
    writing = Database.writing
    commits = 0

    @contextmanager
    def crashing(database: Database) -> Iterator[Connection]:
        nonlocal commits
        with writing(database) as connection:
            yield connection
            commits += 1
            if commits == number and moment == "instead of":
                raise Crash
        if commits == number and moment == "after":
            raise Crash

    patch.setattr(Database, "writing", crashing)
    return lambda: commits
