"""`database status | upgrade`: the revisions of the schemas, and their upgrade."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import Result
from sqlalchemy.engine import make_url

from shared_kernel.migrations.migrate import Schema
from shared_kernel.operations.database_cli import database_group
from shared_kernel.runtime.running import RunningServices
from shared_kernel.storage.database import Database
from tests.databases import OWNERS, Databases, Schemas
from tests.storehouses import a_storehouse, run

REPOSITORY = Path(__file__).parents[3]
DEADLINE_S = 60
NEWEST = {
    "catalog": "0015",
    "catalog_read": "0008",
    "inventory": "0012",
    "inventory_read": "0005",
}
HEADS = {owner: NEWEST.get(owner, "0001") for owner in OWNERS}
NOWHERE = "postgresql://me:secret@127.0.0.1:1/nowhere"


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[RunningServices]:
    with a_storehouse(databases) as storehouse:
        yield storehouse


@pytest.fixture
def empty(schemas: Schemas) -> Schemas:
    """A database before its first upgrade."""
    for owner in OWNERS:
        schemas.server.execute(schemas.database, f"DROP SCHEMA {owner} CASCADE")
    return schemas


def schemas_of(storehouse: RunningServices) -> list[Schema]:
    return [schema for service in storehouse.services for schema in service.schemas]


def status(schemas: list[Schema]) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the output by owner."""
    result = run(database_group(schemas), "status", "--json")
    return result.exit_code, {each["owner"]: each for each in json.loads(result.stdout)}


def upgrade(schemas: list[Schema]) -> Result:
    return run(database_group(schemas), "upgrade")


def test_current_databases_are_shown_as_current(storehouse: RunningServices) -> None:
    code, by_owner = status(schemas_of(storehouse))

    assert code == 0
    assert {owner: each["revision"] for owner, each in by_owner.items()} == HEADS
    assert {owner: each["needed"] for owner, each in by_owner.items()} == HEADS
    assert {each["state"] for each in by_owner.values()} == {"current"}


def test_for_people_each_database_has_a_line(
    storehouse: RunningServices, databases: Databases
) -> None:
    result = run(database_group(schemas_of(storehouse)), "status")

    header, *lines = [line.split() for line in result.output.splitlines()]
    assert result.exit_code == 0
    assert header == ["owner", "database", "revision", "needed", "state"]
    assert sorted(lines) == [
        [owner, databases.url(owner), head, head, "current"]
        for owner, head in sorted(HEADS.items())
    ]


def test_upgrading_a_current_database_does_nothing_and_says_so(
    storehouse: RunningServices,
) -> None:
    result = upgrade(schemas_of(storehouse))

    assert result.exit_code == 0
    assert sorted(result.output.splitlines()) == [
        f"{owner}: is current, at revision {head}" for owner, head in HEADS.items()
    ]


def test_an_older_database_is_shown_and_upgraded(storehouse: RunningServices) -> None:
    (commands,) = storehouse.context("inventory").schemas[:1]
    commands.downgrade("0001")

    code, by_owner = status(schemas_of(storehouse))
    upgraded = upgrade(schemas_of(storehouse))

    assert (code, by_owner["inventory"]["state"]) == (1, "older")
    assert by_owner["inventory"]["revision"] == "0001"
    assert by_owner["catalog"]["state"] == "current"
    assert upgraded.exit_code == 0
    newest, current = NEWEST["inventory"], NEWEST["catalog"]
    assert f"inventory: upgraded to revision {newest}\n" in upgraded.output
    assert f"catalog: is current, at revision {current}\n" in upgraded.output
    assert status(schemas_of(storehouse))[0] == 0


def test_a_newer_database_is_shown_and_not_changed(storehouse: RunningServices) -> None:
    database = storehouse.context("catalog").databases[0]
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    code, by_owner = status(schemas_of(storehouse))
    result = upgrade(schemas_of(storehouse))

    assert (code, by_owner["catalog"]["state"]) == (1, "newer")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {database.shown} is at revision 9999, this version knows none after "
        f"{NEWEST['catalog']}: it was upgraded by a newer version of Storehouse: "
        "run that one\n"
    )


@pytest.mark.server
def test_a_server_without_tables_is_older_until_it_is_upgraded(empty: Schemas) -> None:
    with a_storehouse(empty) as storehouse:
        code, by_owner = status(schemas_of(storehouse))
        assert code == 1
        assert {(e["revision"], e["state"]) for e in by_owner.values()} == {
            (None, "older")
        }
        table = run(database_group(schemas_of(storehouse)), "status").output
        assert table.count(" none ") == len(OWNERS)

        result = upgrade(schemas_of(storehouse))

        assert result.exit_code == 0
        assert sorted(result.output.splitlines()) == [
            f"{owner}: upgraded to revision {head}" for owner, head in HEADS.items()
        ]
        assert status(schemas_of(storehouse))[0] == 0


@pytest.mark.server
def test_an_unreachable_server_is_reported_without_its_password(
    schemas: Schemas,
) -> None:
    with a_storehouse(schemas) as storehouse:
        first, *rest = schemas_of(storehouse)
        away = [attrs.evolve(first, database=Database(NOWHERE)), *rest]

        result = run(database_group(away), "status", "--json")
        tried = upgrade(away)

    by_owner = {each["owner"]: each for each in json.loads(result.stdout)}
    assert (result.exit_code, by_owner[first.owner]["state"]) == (1, "unreachable")
    assert {by_owner[each.owner]["state"] for each in rest} == {"current"}
    assert "127.0.0.1:1/nowhere cannot be reached" in result.stderr
    assert tried.exit_code == 1
    assert tried.stderr.startswith("Error: postgresql://")
    assert "secret" not in result.output + tried.output


@pytest.mark.server
def test_a_password_is_not_shown(schemas: Schemas) -> None:
    with a_storehouse(schemas) as storehouse:
        first, *_ = schemas_of(storehouse)
        url = make_url(first.database.url).set(password="secret")
        database = Database(url.render_as_string(hide_password=False))

        result = run(database_group([attrs.evolve(first, database=database)]), "status")
        database.close()

    assert result.exit_code == 0
    assert "postgres:***@" in result.output
    assert "secret" not in result.output


@pytest.mark.server
def test_two_upgrades_at_once_do_each_part_once(empty: Schemas) -> None:
    command = [sys.executable, "-m", "flask", "--app", "app", "database", "upgrade"]
    both = [
        subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=os.environ | empty.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    by_owner = [process.communicate(timeout=DEADLINE_S)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    lines = sorted(line for each in by_owner for line in each.splitlines())
    assert lines == sorted(
        f"{owner}: {what} revision {head}"
        for owner, head in HEADS.items()
        for what in ("upgraded to", "is current, at")
    )
