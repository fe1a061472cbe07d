"""A session of PostgreSQL: its settings, its schema's revision, its liveness."""

import select
from typing import Any

import attrs
import psycopg
from psycopg.types.numeric import Int8Dumper
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from shared_kernel.storage.errors import WrongSchemaError

CONNECT_TIMEOUT_S = 3
IDLE_IN_TRANSACTION_MS = 10_000
"""A process that hangs in a transaction loses the transaction and its locks."""
UPGRADE = "flask --app app database upgrade"


@attrs.frozen
class Session:
    """A session with tables in `schema` and statements limited to `timeout_ms`."""

    schema: str
    timeout_ms: int

    @property
    def options(self) -> dict[str, Any]:
        """Options for libpq: timeouts that end a connection without answers."""
        return {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": self.timeout_ms + 1000,
            "application_name": "storehouse",
        }

    def set_up(self, connection: "psycopg.Connection[Any]") -> None:
        # Otherwise integers of different sizes would make different prepared
        # statements.
        connection.adapters.register_dumper(int, Int8Dumper)
        connection.execute(
            "SELECT set_config('search_path', %s, false),"
            " set_config('statement_timeout', %s, false),"
            " set_config('idle_in_transaction_session_timeout', %s, false),"
            # A crash must not take back a position that may have been read.
            " set_config('synchronous_commit', coalesce(nullif("
            "current_setting('synchronous_commit'), 'off'), 'on'), false)",
            [
                f'"{self.schema}"',
                str(self.timeout_ms),
                str(max(IDLE_IN_TRANSACTION_MS, 2 * self.timeout_ms)),
            ],
        )


def check_the_schema(
    connection: "psycopg.Connection[Any]", expected: str, shown: str
) -> None:
    """Check that the database, called `shown`, is at the revision `expected`.

    Raises WrongSchemaError, which says how to fix it.
    """
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        (found,) = row or (None,)
    except psycopg.errors.UndefinedTable:
        found = None
    if found == expected:
        return
    at = "has no tables yet" if found is None else f"is at revision {found}"
    hint = (
        "it was upgraded by a newer version of Storehouse: run that one"
        if found is not None and found > expected
        else f"run `{UPGRADE}`"
    )
    raise WrongSchemaError(f"{shown} {at}, this version needs {expected}: {hint}")


def refuse_closed_connection(
    connection: Any, _: ConnectionPoolEntry, __: object
) -> None:
    """A server sends nothing unasked, except when it closes the connection."""
    if connection.closed:
        raise DisconnectionError
    polled = select.poll()
    polled.register(connection.fileno(), select.POLLIN)
    if polled.poll(0):
        raise DisconnectionError
