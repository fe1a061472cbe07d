"""Copies the rows of one database into another one, of any kind."""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.migrations.migrate import VERSIONS, Schema
from shared_kernel.storage.database import Database

BATCH = 5000
_OF_INDEXES = sa.text(
    "SELECT one.name FROM pragma_table_list AS one JOIN pragma_table_list AS virtual"
    " ON one.name = virtual.name OR one.name LIKE virtual.name || '\\_%' ESCAPE '\\'"
    " WHERE virtual.type = 'virtual'"
)
JOBS, LETTERS = "jobs", "dead_letters"
_LAST_OF_QUEUES = sa.text(
    "SELECT coalesce(max(number), 0) FROM (SELECT number FROM jobs"
    " UNION ALL SELECT position FROM dead_letters WHERE source = 'queue') AS numbered"
)
_COUNT_ON = sa.text(
    "SELECT setval(pg_get_serial_sequence('jobs', 'number'), :last + 1, false)"
)
_FORGET_COUNT = sa.text("DELETE FROM sqlite_sequence WHERE name = :table")
_KEEP_COUNT = sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)")
IDENTITY_TABLE = "log_identity"
"""An empty database has a row here, which the copied one replaces."""


class CannotCopyError(Exception):
    """Nothing was copied. The message says how to fix it."""


def copy(
    source: Schema, target: Schema, show: Callable[[str, int], None] = lambda *_: None
) -> dict[str, int]:
    """Copy all rows, in one transaction of the target; return the counts by table.

    `show` is called with the table and the rows so far. Raises CannotCopyError and
    StorageUnavailableError.
    """
    for schema in (source, target):
        state = schema.state()
        if not state.is_current:
            raise CannotCopyError(
                f"{schema.database.shown} is at revision {state.revision or 'none'}, "
                f"not at {state.head}: "
                + (
                    "start this version of Storehouse on it once"
                    if schema is source
                    else "run `flask --app app database upgrade`"
                )
            )
    copied: dict[str, int] = {}
    with (
        source.database.reading() as reading,
        target.database.maintaining() as writing,
    ):
        target.database.store.begin_upgrade(writing)
        there, here = _tables(reading), _tables(writing)
        # In order of their foreign keys.
        if IDENTITY_TABLE in here.tables:
            writing.execute(sa.delete(here.tables[IDENTITY_TABLE]))
        for name in [table.name for table in here.sorted_tables]:
            _refuse_data(writing, here.tables[name], target.database)
        for into in here.sorted_tables:
            of = there.tables[into.name]
            copied[into.name] = _copy_table(reading, of, writing, into, show)
            _go_on_counting(writing, into)
        if {JOBS, LETTERS} <= here.tables.keys():
            _number_jobs_beyond_letters(writing)
    return copied


def _tables(connection: Connection) -> sa.MetaData:
    """Without those of an index, which are filled by what is copied."""
    metadata = sa.MetaData()
    indexes = of_indexes(connection)
    metadata.reflect(
        connection, only=lambda name, _: name != VERSIONS and name not in indexes
    )
    return metadata


def of_indexes(connection: Connection) -> set[str]:
    """The virtual tables of a SQLite database, and those whose names begin likewise."""
    if connection.dialect.name != "sqlite":
        return set()
    return set(connection.scalars(_OF_INDEXES))


def _refuse_data(connection: Connection, table: sa.Table, of: Database) -> None:
    if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
        raise CannotCopyError(
            f"{of.shown} has data in {table.name} already: name an empty database"
        )


def _copy_table(
    reading: Connection,
    of: sa.Table,
    writing: Connection,
    into: sa.Table,
    show: Callable[[str, int], None],
) -> int:
    # Columns that only the target has get their defaults.
    names = [column.name for column in into.columns if column.name in of.columns]
    rows = sa.select(*(of.c[name] for name in names)).order_by(*of.primary_key.columns)
    done = 0
    result = reading.execution_options(yield_per=BATCH).execute(rows)
    for batch in result.mappings().partitions(BATCH):
        writing.execute(sa.insert(into), [dict(row) for row in batch])
        done += len(batch)
        show(into.name, done)
    return done


def _go_on_counting(connection: Connection, table: sa.Table) -> None:
    """Set the sequence so that no number is used twice."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.columns:
        if _is_counted(column):
            last = sa.func.coalesce(sa.func.max(column), 0) + 1
            sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(
                sa.select(sa.func.setval(sequence, last, False)).select_from(table)
            )


def _is_counted(column: sa.Column[object]) -> bool:
    default = column.server_default
    return column.identity is not None or (
        isinstance(default, sa.DefaultClause) and "nextval" in str(default.arg)
    )


def _number_jobs_beyond_letters(connection: Connection) -> None:
    """A dead letter of a queue keeps the number of its job, to become a job again."""
    last = connection.execute(_LAST_OF_QUEUES).scalar_one()
    if connection.dialect.name == "postgresql":
        connection.execute(_COUNT_ON, {"last": last})
    else:
        connection.execute(_FORGET_COUNT, {"table": JOBS})
        connection.execute(_KEEP_COUNT, {"table": JOBS, "last": last})
