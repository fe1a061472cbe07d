"""The references in one process: the same rows, written with `sqlite3` by hand."""

import csv
import json
import sqlite3
import time
import uuid
from pathlib import Path

LOG = """CREATE TABLE event_log (position INTEGER PRIMARY KEY, id TEXT, type TEXT,
    key TEXT, time_us INTEGER, traceparent TEXT, data BLOB)"""
CURSORS = "CREATE TABLE cursors (source TEXT PRIMARY KEY, position INTEGER)"
PRODUCTS = """CREATE TABLE products (sku TEXT PRIMARY KEY, name TEXT, description TEXT,
    price_minor_units INTEGER, price_currency TEXT, status TEXT, version INTEGER)"""
STOCK = """CREATE TABLE stock_items (sku TEXT PRIMARY KEY, on_hand INTEGER,
    reorder_point INTEGER, retired INTEGER, version INTEGER)"""
LISTING = """CREATE TABLE listing (place INTEGER PRIMARY KEY, code TEXT UNIQUE,
    name TEXT, availability TEXT, body BLOB)"""

INSERT_PRODUCT = "INSERT INTO products VALUES (?, ?, ?, ?, ?, 'listed', 1)"
INSERT_EVENT = "INSERT INTO event_log VALUES (?, ?, ?, ?, ?, NULL, ?)"
INSERT_STOCK = "INSERT INTO stock_items VALUES (?, ?, 0, 0, 1)"
INSERT_LISTED = "INSERT INTO listing VALUES (?, ?, ?, ?, ?)"
UPDATE_LISTED = "UPDATE listing SET availability = ?, body = ? WHERE code = ?"
MOVE = "INSERT OR REPLACE INTO cursors VALUES (?, ?)"


class ByHand:
    """Three databases without a model, a bus or a check; durable as Storehouse is."""

    def __init__(self, folder: Path) -> None:
        self._catalog = _open(folder / "catalog.db", "FULL", PRODUCTS, LOG)
        self._inventory = _open(folder / "inventory.db", "FULL", STOCK, LOG, CURSORS)
        self._listing = _open(folder / "listing.db", "NORMAL", LISTING, CURSORS)
        self._position = 0

    def register(self, sku: str, name: str, pieces: int) -> None:
        """One product, from its registration to its availability in the listing."""
        self._position = position = self._position + 1
        now_us = time.time_ns() // 1000
        inserted = json.dumps({"sku": sku, "name": name, "stock_count": pieces})
        opened = json.dumps({"sku": sku, "on_hand": pieces, "available": pieces})
        with _commit(self._catalog) as database:
            database.execute(INSERT_PRODUCT, (sku, name, None, None, None))
            database.execute(
                INSERT_EVENT,
                (position, _id(), "product.inserted", sku, now_us, inserted.encode()),
            )
        with _commit(self._listing) as database:
            body = _body(sku, name, "unknown")
            database.execute(INSERT_LISTED, (position, sku, name, "unknown", body))
            database.execute(MOVE, ("catalog", position))
        with _commit(self._inventory) as database:
            database.execute(INSERT_STOCK, (sku, pieces))
            database.execute(
                INSERT_EVENT,
                (position, _id(), "stock.opened", sku, now_us, opened.encode()),
            )
            database.execute(MOVE, ("catalog", position))
        with _commit(self._listing) as database:
            body = _body(sku, name, "in_stock")
            database.execute(UPDATE_LISTED, ("in_stock", body, sku))
            database.execute(MOVE, ("inventory", position))

    def import_file(self, path: Path) -> int:
        """All rows of a file by `executemany`, in one commit for each database."""
        first = self._position + 1
        now_us = time.time_ns() // 1000
        with path.open(newline="", encoding="utf-8") as file:
            rows = [
                (position, row["sku"], row["name"], int(row["stock_count"]))
                for position, row in enumerate(csv.DictReader(file), start=first)
            ]
        self._position += len(rows)
        with _commit(self._catalog) as database:
            database.executemany(
                INSERT_PRODUCT,
                [(sku, name, None, None, None) for _, sku, name, _ in rows],
            )
            database.executemany(
                INSERT_EVENT,
                [
                    (
                        position,
                        _id(),
                        "product.inserted",
                        sku,
                        now_us,
                        json.dumps(
                            {"sku": sku, "name": name, "stock_count": pieces}
                        ).encode(),
                    )
                    for position, sku, name, pieces in rows
                ],
            )
        with _commit(self._inventory) as database:
            database.executemany(
                INSERT_STOCK, [(sku, pieces) for _, sku, _, pieces in rows]
            )
            database.executemany(
                INSERT_EVENT,
                [
                    (
                        position,
                        _id(),
                        "stock.opened",
                        sku,
                        now_us,
                        json.dumps({"sku": sku, "on_hand": pieces}).encode(),
                    )
                    for position, sku, _, pieces in rows
                ],
            )
        with _commit(self._listing) as database:
            database.executemany(
                INSERT_LISTED,
                [
                    (position, sku, name, "in_stock", _body(sku, name, "in_stock"))
                    for position, sku, name, _ in rows
                ],
            )
        return len(rows)

    def close(self) -> None:
        for database in (self._catalog, self._inventory, self._listing):
            database.close()


def _open(path: Path, synchronous: str, *tables: str) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    for table in tables:
        database.execute(table)
    database.commit()
    return database


def _commit(database: sqlite3.Connection) -> sqlite3.Connection:
    """As a context manager the connection commits at the end of the block."""
    return database


def _id() -> str:
    return str(uuid.uuid4())


def _body(sku: str, name: str, availability: str) -> bytes:
    return json.dumps(
        {"name": name, "code": sku, "availability": availability}
    ).encode()
