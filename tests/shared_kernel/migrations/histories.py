"""The four histories of revisions, and rows for every table of theirs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import Connection

from shared_kernel.migrations.database_copy import of_indexes
from shared_kernel.migrations.migrate import Schema
from shared_kernel.storage.database import Database
from tests.databases import Databases

ROOT = Path(__file__).parents[3]
# What PostgreSQL needs to give positions.
UNSEEN = {"written", "transaction", "seen_below", "seen_open"}
# Each new log has one of its own.
BORN = "log_identity"
Rows = Sequence[Mapping[str, Any]]
Contents = Mapping[str, Rows]

_LETTER = {
    "position": 3,
    "id": "id-3",
    "type": "lamp.lit",
    "key": "LAMP-1",
    "time_us": 1_700_000_000_000_000,
    "traceparent": None,
    "data": b"\x00\xff{}",
}
_LETTER_NAMED = {
    "subscription": "shop.listing",
    "source": "shed",
    "position": 2**40,
    "id": "id-2",
    "type": "lamp.lit",
    "key": "LAMP-1",
}
ROWS: Contents = {
    # With a hole: this log was compacted.
    "event_log": [
        _LETTER | {"position": each, "id": f"id-{each}"} for each in (1, 3, 4)
    ],
    "log_relays": [{"number": 4, "relay": "5e5e"}],
    "compacted_events": [{"position": 2, "digest": b"\x00\xff"}],
    "dropped_messages": [
        {"subscription": "shop.listing", "source": "shed", "reason": "seal", "count": 3}
    ],
    "relay": [{"name": "shop.relay", "published": 3}],
    "idempotency_keys": [
        {
            "key": "k",
            "fingerprint": b"\x01",
            "status": 201,
            "headers": b"{}",
            "body": b"\xff",
            "created_us": 2**50,
        }
    ],
    "subscription_cursors": [
        {
            "subscription": "shop.listing",
            "source": "shed",
            "position": 2**40,
            "lease_holder": "here:1",
            "lease_until_us": 2**50,
        }
    ],
    "dead_letters": [
        _LETTER
        | {
            "number": 7,
            "subscription": "shop.listing",
            "source": "shed",
            "state": "dead",
            "reason": "KeyError: é",
            "attempts": 5,
            "since_us": 2**50,
            "error_type": "KeyError",
            "place": "shop.listing:on_lit",
            "field": "wattage",
            "trace": "shop.listing:on_lit, line 3: row.wattage",
            "cause": "5e5e5e5e",
            "last_us": 2**50 + 1,
            "version": 2,
            "original": b"\x00\xff",
        }
    ],
    "dead_letter_repairs": [
        _LETTER_NAMED
        | {
            "number": 5,
            "letter": 7,
            "action": "edited",
            "who": "ann",
            "why": "é",
            "at_us": 2**50,
            "data": b"\x00\xff",
        },
        _LETTER_NAMED
        | {
            "number": 6,
            "letter": 6,
            "action": "replayed",
            "who": "ann",
            "why": "é",
            "at_us": 2**50,
            "data": b"\xff\x00",
        },
    ],
    "discarded_events": [_LETTER_NAMED | {"who": "ann", "why": "é", "at_us": 2**50}],
    "edited_events": [_LETTER_NAMED | {"data": b"\xff\x00"}],
    "products": [
        {
            "sku": "LAMP-1",
            "name": "Lampe à huile",
            "description": None,
            "price_minor_units": 10**12,
            "price_currency": "EUR",
            "status": "listed",
            "version": 3,
            "folded_sku": "lamp-1",
        }
    ],
    "jobs": [
        {
            "number": 4,
            "queue": "lamps",
            "id": "a",
            "name": "lamp.new",
            "payload": "{}",
            "key": None,
            "added_us": 2**50,
            "due_us": 2**50,
            "attempts": 1,
            "consumer": "here:1/x",
            "traceparent": "00-5e5e-5e-01",
            "failed_us": 2**50,
        }
    ],
    "job_consumers": [{"consumer": "here:1/x", "beats": 2**40}],
    "taken_entries": [
        {"connection": "here:1-x", "batch": 2**40, "place": 3, "digest": b"\xff"}
    ],
    "received_messages": [{"queue": "lamps", "digest": b"\xff", "received_us": 2**50}],
    "paused_queues": [{"queue": "lamps", "since_us": 2**50}],
    "product_imports": [
        {
            "id": "a",
            "file": "lamps.csv",
            "columns": "[]",
            "rows": 2**40,
            "begun_us": 2**50,
            "received_us": 2**50,
            "cancelled_us": None,
            "options": '{"update":true}',
            "remarks": '{"said":["é"]}',
            "left_out": 2**40,
        }
    ],
    "product_import_parts": [
        {
            "import_id": "a",
            "part": 3,
            "content": b"[]",
            "rows": 500,
            "handled": 2,
            "registered": 1,
            "skipped": 0,
            "refused": 1,
            "changed_us": 2**50,
            "updated": 3,
            "remarks": "{}",
            "versions": '{"lamp-1":3}',
        }
    ],
    "product_import_rows": [
        {
            "import_id": "a",
            "row": 2**40,
            "key": "lamp-1",
            "subject": "LAMP-1",
            "outcome": "updated",
            "detail": "name",
            "version": 2**40,
            "content": b"{}",
        }
    ],
    "product_import_refusals": [
        {
            "import_id": "a",
            "row": 2**40,
            "reason": "too bright",
            "subject": "LAMP-1",
            "cells": b"[]",
        }
    ],
    "stock_items": [
        {
            "sku": "LAMP-1",
            "on_hand": 10**12,
            "reorder_point": 2,
            "retired": True,
            "version": 9,
        }
    ],
    "order_lines": [
        {
            "order_reference": "O-1  ~0123456789.1",
            "sku": "LAMP-1",
            "pieces": 1,
            "file_digest": "0123456789abcdef",
            "file_name": "orders.csv",
            "row_number": 2,
            "shipped_us": 2**50,
        }
    ],
    "receipts": [
        {"reference": "D/1", "sku": "LAMP-1", "pieces": 3, "received_us": 2**50}
    ],
    "reservations": [
        {
            "sku": "LAMP-1",
            "order_reference": "A",
            "pieces": 2,
            "until_us": 2**50,
            "placed": 1,
        }
    ],
    "shipments": [
        {"order_reference": "B", "sku": "LAMP-1", "pieces": 1, "shipped_version": 5}
    ],
    "file_rows": [{"file": "5e5e", "row": 2**40, "booked_us": 2**50}],
    "product_listing": [
        {
            "code": "LAMP-1",
            "registered": 1,
            "place": 1,
            "name": "Lampe",
            "description": None,
            "price_minor_units": None,
            "price_currency": None,
            "status": "listed",
            "availability": "in_stock",
            "last_updated_us": 2**50,
            "version": 3,
            "sought": "lamp-1\nlampe",
            "body": b"{}",
            "folded_code": "lamp-1",
        }
    ],
    "stock_movements": [
        {"position": each, "sku": "LAMP-1", "body": b"{}"} for each in (1, 3)
    ],
}


@attrs.frozen
class History:
    folder: str
    revisions: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.folder.replace("/adapters/migrations/", "-")

    def schema(self, databases: Databases) -> Schema:
        """The history of a database that does not exist yet."""
        return Schema("new", Database(databases.url("new")), ROOT / self.folder)


CATALOG = History(
    "catalog/adapters/migrations/commands",
    (
        *("0001", "0002", "0003", "0004", "0005"),
        *("0006", "0007", "0008", "0009", "0010"),
        *("0011", "0012", "0013", "0014", "0015"),
    ),
)
LISTING = History(
    "catalog/adapters/migrations/listing",
    (
        *("0001", "0002", "0003", "0004", "0005"),
        *("0006", "0007", "0008"),
    ),
)
INVENTORY = History(
    "inventory/adapters/migrations/commands",
    (
        *("0001", "0002", "0003", "0004", "0005"),
        *("0006", "0007", "0008", "0009", "0010"),
        *("0011", "0012"),
    ),
)
MOVEMENTS = History(
    "inventory/adapters/migrations/movements",
    ("0001", "0002", "0003", "0004", "0005"),
)
HISTORIES = (CATALOG, LISTING, INVENTORY, MOVEMENTS)


def upgrade_to(schema: Schema, revision: str) -> None:
    """Upgrade like an earlier version, whose newest revision was `to`."""
    schema._change(lambda config: command.upgrade(config, revision), revision)


def fill(database: Database) -> Contents:
    """Insert rows in every table; return what is then stored."""
    with database.maintaining() as connection:
        for table in _tables(connection).sorted_tables:
            rows = [
                {name: row[name] for name in row if name in table.c}
                for row in ROWS[table.name]
            ]
            connection.execute(sa.insert(table), rows)
    return contents(database)


def contents(database: Database) -> Contents:
    """By table and in the order of its key, without internal numbers."""
    with database.maintaining() as connection:
        return {
            table.name: [
                {name: row[name] for name in row if name not in UNSEEN}
                for row in connection.execute(
                    sa.select(table).order_by(*table.primary_key)
                ).mappings()
            ]
            for table in _tables(connection).sorted_tables
        }


def _tables(connection: Connection) -> sa.MetaData:
    metadata = sa.MetaData()
    metadata.reflect(connection)
    for name in ("alembic_version", BORN, *of_indexes(connection)):
        if name in metadata.tables:
            metadata.remove(metadata.tables[name])
    return metadata
