"""The reference on PostgreSQL: the statements of one command, by psycopg alone."""

import time
import uuid
from typing import Any

import attrs
import msgspec
import psycopg
from uuid_utils import uuid7

from tests.databases import Schemas

SELECT = "SELECT * FROM products WHERE sku = %s"
INSERT = "INSERT INTO products VALUES (%s, %s, NULL, NULL, NULL, 'listed', 1)"
RENAME = (
    "UPDATE products SET name = %s, version = version + 1 WHERE sku = %s"
    " AND version = %s"
)
# As ours is: for any number of events.
APPEND = """
    INSERT INTO event_log (id, type, key, time_us, traceparent, data)
    SELECT id, type, key, %s, traceparent, data
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[])
    WITH ORDINALITY AS entry (id, type, key, traceparent, data, number)
    ORDER BY number
    RETURNING written, pg_current_xact_id()::text
"""


@attrs.frozen
class Work:
    """One command, with all that can be made before it. `version` is the stored one."""

    sku: str
    name: str
    id: str
    data: bytes
    version: int = 0


def to_register(commands: int) -> list[Work]:
    run = uuid.uuid4().hex[:12]
    return [_work(f"{run}-{number}", "Product", 0) for number in range(commands)]


def to_rename(registered: list[Work], name: str) -> list[Work]:
    return [_work(work.sku, name, work.version + 1) for work in registered]


class ByHand:
    """One client: a connection of its own, in autocommit mode, all prepared."""

    def __init__(self, databases: Schemas) -> None:
        self._connection = psycopg.connect(
            databases.server.url(databases.database),
            autocommit=True,
            options="-c search_path=catalog",
            prepare_threshold=0,
        )

    def register(self, work: Work) -> None:
        execute = self._connection.execute
        execute("BEGIN")
        if execute(SELECT, [work.sku]).fetchone() is not None:
            raise RuntimeError(f"{work.sku} is there")
        execute(INSERT, [work.sku, work.name])
        self._append("product.inserted", work)

    def rename(self, work: Work) -> None:
        execute = self._connection.execute
        execute("BEGIN")
        if execute(SELECT, [work.sku]).fetchone() is None:
            raise RuntimeError(f"{work.sku} is not there")
        execute(RENAME, [work.name, work.sku, work.version])
        self._append("product.renamed", work)

    def close(self) -> None:
        self._connection.close()

    def _append(self, subject: str, work: Work) -> None:
        execute = self._connection.execute
        now_us = time.time_ns() // 1000
        entry: list[Any] = [[work.id], [subject], [work.sku], [None], [work.data]]
        execute(APPEND, [now_us, *entry]).fetchone()
        execute("COMMIT")
        execute("SELECT give_positions()").fetchone()


def _work(sku: str, name: str, version: int) -> Work:
    state = {
        "name": name,
        "sku": sku,
        "description": None,
        "price_minor_units": None,
        "price_currency": None,
        "status": "listed",
        "version": version + 1,
        "stock_count": 5,
    }
    return Work(sku, name, str(uuid7()), msgspec.json.encode(state), version)
