"""Indexes for the listing that takes the old one's place: the same, of the same names.

What the old one has is asked of the database, so the migrations alone say what that is.

On PostgreSQL an index of a million texts takes longer to build than readers may wait,
so it is built before, beside the one that serves, and renamed in the end. SQLite cannot
rename an index, and its readers do not wait: there it is built in the end.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

# But for the key's, which a table makes itself.
_ON_POSTGRESQL = sa.text(
    "SELECT indexname, substring(indexdef FROM ' (USING .*)') FROM pg_indexes"
    " WHERE schemaname = current_schema() AND tablename = :table"
    " AND indexdef LIKE 'CREATE INDEX %'"
)
_ON_SQLITE = sa.text(
    "SELECT sql FROM sqlite_master"
    " WHERE type = 'index' AND tbl_name = :table AND sql IS NOT NULL"
)


def build(connection: Connection, old: str, new: str) -> None:
    """On the table `new`, whatever can be built before it takes the place of `old`.

    However long it takes: nobody waits for it.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    for name, how in connection.execute(_ON_POSTGRESQL, {"table": old}).all():
        built = _quoted(connection, f"{name}_new")
        connection.exec_driver_sql(f"CREATE INDEX {built} ON {new} {how}")
    # Or the first to ask get plans for a table of which nothing is known.
    connection.exec_driver_sql(f"ANALYZE {new}")


def what_is_left(connection: Connection, old: str, new: str) -> list[str]:
    """Statements for when `new` has the name of `old`; to be asked for before that."""
    if connection.dialect.name != "postgresql":
        return list(connection.scalars(_ON_SQLITE, {"table": old}).all())
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
