"""The revisions lead to the tables that the code expects."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

import catalog.adapters.tables
import catalog.read_model.product_listing
import inventory.adapters.tables
import inventory.read_model.stock_movements
from shared_kernel.adapters.database import Database
from shared_kernel.adapters.migrations.migrate import Schema
from shared_kernel.adapters.storage_errors import StorageUnavailableError
from shared_kernel.adapters.web.commands import idempotency_keys_table
from shared_kernel.events.cursors import cursors_table
from shared_kernel.events.dead_letters import dead_letters_table
from shared_kernel.events.entries import event_log_table

ROOT = Path(__file__).parents[3]
COMMANDS = ROOT / "catalog/adapters/migrations/commands"
OF_A_LOG = (event_log_table, idempotency_keys_table)
OF_A_SUBSCRIBER = (cursors_table, dead_letters_table)
Tables = Sequence[Callable[[sa.MetaData], sa.Table]]


@pytest.mark.parametrize(
    ("history", "own", "kernel"),
    [
        (
            "catalog/adapters/migrations/commands",
            catalog.adapters.tables,
            OF_A_LOG + OF_A_SUBSCRIBER,
        ),
        (
            "catalog/adapters/migrations/listing",
            catalog.read_model.product_listing,
            OF_A_SUBSCRIBER,
        ),
        (
            "inventory/adapters/migrations/commands",
            inventory.adapters.tables,
            OF_A_LOG + OF_A_SUBSCRIBER,
        ),
        (
            "inventory/adapters/migrations/movements",
            inventory.read_model.stock_movements,
            OF_A_SUBSCRIBER,
        ),
    ],
)
def test_a_migrated_database_has_the_tables_that_the_code_expects(
    tmp_path: Path, history: str, own: object, kernel: Tables
) -> None:
    expected = sa.MetaData()
    for table in own.metadata.sorted_tables:  # type: ignore[attr-defined]
        table.to_metadata(expected)
    for add in kernel:
        add(expected)
    by_code = Database(f"sqlite:///{tmp_path}/by_code.db")
    with by_code.writing() as connection:
        expected.create_all(connection)

    migrated = Database(f"sqlite:///{tmp_path}/migrated.db")
    Schema("x", migrated, ROOT / history).upgrade()

    assert shape(migrated) == shape(by_code)


def test_migrating_twice_is_migrating_once(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/catalog.db")
    Schema("catalog", database, COMMANDS).upgrade()
    before = shape(database)

    Schema("catalog", database, COMMANDS).upgrade()

    assert shape(database) == before


def test_a_file_that_is_no_database_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"not a database" * 100)
    database = Database(f"sqlite:///{tmp_path}/catalog.db")

    with pytest.raises(StorageUnavailableError, match=r"catalog\.db"):
        Schema("catalog", database, COMMANDS).upgrade()


def shape(database: Database) -> set[tuple[str, ...]]:
    """Every column and index of every table, as SQLite sees them."""
    found: set[tuple[str, ...]] = set()
    with database.reading() as connection:
        tables = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table' "
            "AND name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
        ).scalars()
        for table in tables.all():
            columns = connection.exec_driver_sql(f"PRAGMA table_info({table})").all()
            found |= {(table, *map(str, column)) for column in columns}
            indexes = connection.exec_driver_sql(f"PRAGMA index_list({table})").all()
            for index in indexes:
                members = connection.exec_driver_sql(
                    f"PRAGMA index_info({index[1]})"
                ).all()
                found.add((table, str(index[2]), *(str(each[2]) for each in members)))
    database.close()
    return found
