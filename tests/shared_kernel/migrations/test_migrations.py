"""The revisions create the tables that the code expects."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest
import sqlalchemy as sa

import catalog.adapters.imports.tables
import catalog.adapters.tables
import catalog.read_model.product_listing
import inventory.adapters.tables
import inventory.read_model.stock_movements
from app import CONTEXTS
from shared_kernel.dead_letters.tables import (
    dead_letter_repairs_table,
    dead_letters_table,
    discarded_events_table,
    edited_events_table,
)
from shared_kernel.events.cursors import cursors_table
from shared_kernel.events.dropped import dropped_table
from shared_kernel.events.entries import event_log_table
from shared_kernel.events.identity import compacted_table, identity_table, relays_table
from shared_kernel.migrations.database_copy import of_indexes
from shared_kernel.migrations.migrate import Schema
from shared_kernel.queues.tables import (
    job_consumers_table,
    jobs_table,
    paused_queues_table,
    received_messages_table,
    taken_entries_table,
)
from shared_kernel.runtime.context import services_of
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import StorageUnavailableError
from shared_kernel.web.idempotency import idempotency_keys_table
from tests.databases import Databases

ROOT = Path(__file__).parents[3]
COMMANDS = ROOT / "catalog/adapters/migrations/commands"
OF_A_LOG = (
    event_log_table,
    identity_table,
    compacted_table,
    relays_table,
    idempotency_keys_table,
)
OF_A_SUBSCRIBER = (
    cursors_table,
    dead_letters_table,
    dead_letter_repairs_table,
    discarded_events_table,
    edited_events_table,
)
OF_QUEUES = (
    jobs_table,
    job_consumers_table,
    paused_queues_table,
    taken_entries_table,
    received_messages_table,
)
OF_A_FOLLOWER = (*OF_A_SUBSCRIBER, dropped_table)
Tables = Sequence[Callable[[sa.MetaData], sa.Table]]


@pytest.mark.parametrize(
    ("history", "own", "kernel"),
    [
        (
            "catalog/adapters/migrations/commands",
            (catalog.adapters.tables, catalog.adapters.imports.tables),
            OF_A_LOG + OF_A_SUBSCRIBER + OF_QUEUES,
        ),
        (
            "catalog/adapters/migrations/listing",
            (catalog.read_model.product_listing,),
            OF_A_FOLLOWER,
        ),
        (
            "inventory/adapters/migrations/commands",
            (inventory.adapters.tables,),
            OF_A_LOG + OF_A_FOLLOWER,
        ),
        (
            "inventory/adapters/migrations/movements",
            (inventory.read_model.stock_movements,),
            OF_A_FOLLOWER,
        ),
    ],
)
def test_a_migrated_database_has_the_tables_that_the_code_expects(
    databases: Databases, history: str, own: Sequence[object], kernel: Tables
) -> None:
    expected = sa.MetaData()
    for module in own:
        for table in module.metadata.sorted_tables:  # type: ignore[attr-defined]
            table.to_metadata(expected)
    for add in kernel:
        add(expected)
    by_code = Database(databases.url("by_code"))
    with by_code.maintaining() as connection:
        by_code.store.begin_upgrade(connection)
        expected.create_all(connection)

    migrated = Database(databases.url("migrated"))
    Schema("x", migrated, ROOT / history).upgrade()

    found = shape(migrated)
    if not migrated.one_writer and event_log_table in kernel:
        give_back_positions(found["event_log"])
    if not migrated.one_writer and "product_listing" in found:
        found["product_listing"].indexes.remove((False, ("sought",)))
    assert found == shape(by_code)


def test_migrating_twice_changes_nothing_more(databases: Databases) -> None:
    database = Database(databases.url("new"))
    Schema("catalog", database, COMMANDS).upgrade()
    before = shape(database)

    Schema("catalog", database, COMMANDS).upgrade()

    assert shape(database) == before


def test_a_file_that_is_not_a_database_is_reported_by_name(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"not a database" * 100)
    database = Database(f"sqlite:///{tmp_path}/catalog.db")

    with pytest.raises(StorageUnavailableError, match=r"catalog\.db"):
        Schema("catalog", database, COMMANDS).upgrade()


@attrs.define
class Shape:
    """Of a table: columns by name, the key, and indexes (unique?, columns)."""

    columns: dict[str, tuple[str, bool]]
    key: list[str]
    indexes: set[tuple[bool, tuple[str | None, ...]]]


def shape(database: Database) -> dict[str, Shape]:
    """The shapes of all tables, as reflected from the database."""
    with database.reading() as connection:
        inspector = sa.inspect(connection)
        found = {
            table: Shape(
                {
                    column["name"]: (str(column["type"]), column["nullable"])
                    for column in inspector.get_columns(table)
                },
                inspector.get_pk_constraint(table)["constrained_columns"],
                {
                    (bool(index["unique"]), tuple(index["column_names"]))
                    for index in inspector.get_indexes(table)
                }
                | {
                    (True, tuple(unique["column_names"]))
                    for unique in inspector.get_unique_constraints(table)
                },
            )
            for table in inspector.get_table_names()
            if table not in ("alembic_version", *of_indexes(connection))
        }
    database.close()
    return found


def give_back_positions(event_log: Shape) -> None:
    """PostgreSQL also has columns for giving positions after the commit."""
    assert event_log.columns.pop("written") == ("BIGINT", False)
    assert event_log.columns.pop("transaction") == ("BIGINT", True)
    assert event_log.columns.pop("seen_below") == ("BIGINT", True)
    assert event_log.columns.pop("seen_open") == ("ARRAY", True)
    assert event_log.columns["position"] == ("BIGINT", True)
    assert event_log.key == ["written"]
    assert event_log.indexes == {(True, ("position",)), (False, ("transaction",))}
    event_log.columns["position"] = ("BIGINT", False)
    event_log.key, event_log.indexes = ["position"], set()


@pytest.mark.parametrize(
    "file",
    [
        file
        for _, service in services_of(CONTEXTS)
        for database in service.databases
        for file in database.revisions.glob("*.py")
    ],
    ids=lambda file: "-".join(file.parts[-4:]),
)
def test_the_name_of_a_file_begins_with_its_revision(file: Path) -> None:
    (revision,) = re.findall(r'^revision = "(.+)"$', file.read_text(), re.MULTILINE)

    assert file.name[:5] == f"{revision}_"
