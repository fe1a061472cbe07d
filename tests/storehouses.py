"""Whole storehouses on files of a test's own, worked by hand."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import Connection

from app import assemble
from shared_kernel.adapters.database import Database
from shared_kernel.adapters.prepared import Prepared
from shared_kernel.adapters.settings import Settings
from shared_kernel.adapters.storehouse import Storehouse

SUPERSTORE = Path(__file__).parents[1] / "samples" / "superstore"
OWNERS = ("catalog", "catalog_read", "inventory", "inventory_read")


@contextmanager
def a_storehouse(folder: Path) -> Iterator[Storehouse]:
    """Where there is one already in `folder`, that one, as after a restart."""
    urls: dict[str, Any] = {
        f"{owner}_database_url": f"sqlite:///{folder / owner}.db" for owner in OWNERS
    }
    storehouse = assemble(Settings(**urls, sqlite_synchronous="NORMAL"))
    try:
        yield storehouse
    finally:
        storehouse.stop()


def run(command: click.Command, *arguments: str | Path) -> Result:
    """A command as at the command line. Raises what it raises."""
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
    """The process is gone."""


Moment = Literal["instead of", "after"]


def crash_at_commit(
    patch: pytest.MonkeyPatch, number: int, moment: Moment
) -> Callable[[], int]:
    """Have the commit of that number crash; answer how to learn how many there were."""
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
