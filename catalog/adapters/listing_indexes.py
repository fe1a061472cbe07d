"""Indexes for a rebuilt listing: the same as the old one's, with the same names.

The old one's indexes are read from the database, so only the migrations define them. On
PostgreSQL an index of a million texts takes longer to build than readers may wait, so
it is built beside the one in use and renamed at the end. SQLite cannot rename an index,
and its readers do not wait: there it is built at the end, the one of texts afterwards.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog.adapters.listing_text_index import START_AGAIN

# Except the primary key's index, which comes with the table.
_ON_POSTGRESQL = sa.text(
    "SELECT indexname, substring(indexdef FROM ' (USING .*)') FROM pg_indexes"
    " WHERE schemaname = current_schema() AND tablename = :table"
    " AND indexdef LIKE 'CREATE INDEX %'"
)
# Triggers keep the index of texts.
_ON_SQLITE = sa.text(
    "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger')"
    " AND tbl_name = :table AND sql IS NOT NULL"
)


def build(connection: Connection, old: str, new: str) -> None:
    """Build on the table `new` all indexes that are possible before it replaces `old`.

    This may take any time: no reader waits for it.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    for name, how in connection.execute(_ON_POSTGRESQL, {"table": old}).all():
        built = _quoted(connection, f"{name}_new")
        connection.exec_driver_sql(f"CREATE INDEX {built} ON {new} {how}")
    # Otherwise the first queries would be planned without statistics.
    connection.exec_driver_sql(f"ANALYZE {new}")


def what_is_left(connection: Connection, old: str, new: str) -> list[str]:
    """Statements to execute after `new` is renamed to `old`; call this before that."""
    if connection.dialect.name != "postgresql":
        own = connection.scalars(_ON_SQLITE, {"table": old}).all()
        return [*own, *START_AGAIN]
    indexes = connection.execute(_ON_POSTGRESQL, {"table": old}).all()
    renamed = [(f"{name}_new", name) for name, _ in indexes]
    renamed.append((_key_of(connection, new), _key_of(connection, old)))
    return [
        f"ALTER INDEX {_quoted(connection, built)}"
        f" RENAME TO {_quoted(connection, name)}"
        for built, name in renamed
    ]


def _key_of(connection: Connection, table: str) -> str:
    return str(sa.inspect(connection).get_pk_constraint(table)["name"])


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
