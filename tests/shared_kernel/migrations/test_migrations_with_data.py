"""Data in the tables survives an upgrade and a downgrade."""

from typing import Any

import pytest
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.failure import cause_of
from shared_kernel.events.entries import Entry
from shared_kernel.events.event_log import EventLog
from shared_kernel.storage.errors import StorageUnavailableError
from tests.databases import Databases, Schemas
from tests.shared_kernel.migrations.histories import (
    CATALOG,
    HISTORIES,
    INVENTORY,
    ROWS,
    Contents,
    History,
    contents,
    fill,
    upgrade_to,
)

pytestmark = pytest.mark.slow

EACH_REVISION = [
    pytest.param(history, revision, id=f"{history.name}-{revision}")
    for history in HISTORIES
    for revision in history.revisions
]


OF_IMPORTS = (
    "jobs",
    "job_consumers",
    "paused_queues",
    "taken_entries",
    "received_messages",
    "product_imports",
    "product_import_parts",
    "product_import_refusals",
)
_ASKED_OF_OLD_IMPORTS: Contents = {
    "product_imports": [{"options": "{}", "remarks": "", "left_out": 0}],
    "product_import_parts": [{"updated": 0, "remarks": "", "versions": ""}],
}


_KNOWN_OF_OLD_LETTERS = {
    "error_type": "KeyError",
    "place": "",
    "field": None,
    "trace": "",
    "cause": cause_of("KeyError", ""),
    "version": 1,
    "original": None,
}


def in_todays_tables(before: Contents) -> Contents:
    """The relay now has a cursor without a lease; cursors may name their log."""
    relays = before.get("relay", ())
    cursors = [
        {
            "subscription": relay["name"],
            "source": relay["name"].removesuffix(".relay"),
            "position": relay["published"],
            "lease_holder": None,
            "lease_until_us": 0,
        }
        for relay in relays
    ]
    cursors = [*map(dict, before.get("subscription_cursors", ())), *cursors]
    unnamed = {"log": None, "last_id": None, "log_keys": None}
    left: Contents = {}
    if "event_log" in before:
        left = {"compacted_events": (), "log_relays": ()}
    if "products" not in before:
        left = {**left, "dropped_messages": ()}
    elif "jobs" not in before:
        left = {**left, **dict.fromkeys(OF_IMPORTS, ())}
    elif "taken_entries" not in before:
        left = {**left, "taken_entries": (), "received_messages": ()}
    elif "received_messages" not in before:
        left = {**left, "received_messages": ()}
    return {
        "dead_letter_repairs": (),
        "discarded_events": (),
        "edited_events": _edits_among(before),
        **left,
        **{table: rows for table, rows in before.items() if table != "relay"},
        **_with_their_sum(before),
        **_with_folded_skus(before),
        **_without_folded_codes(before),
        **_with_options(before),
        "dead_letters": [
            _KNOWN_OF_OLD_LETTERS | {"last_us": letter["since_us"]} | dict(letter)
            for letter in before.get("dead_letters", ())
        ],
        **_with_their_trace(before),
        "subscription_cursors": [unnamed | cursor for cursor in cursors],
    }


def _edits_among(before: Contents) -> list[dict[str, Any]]:
    """Of letters that were edited, and of edited ones that were replayed."""
    kept = ("subscription", "source", "position", "id", "type", "key", "data")
    found = [row for row in before.get("dead_letters", ()) if row.get("original")]
    found += [
        row
        for row in before.get("dead_letter_repairs", ())
        if row["action"] == "replayed"
    ]
    return [{name: row[name] for name in kept} for row in found]


def _with_their_trace(before: Contents) -> Contents:
    if "jobs" not in before:
        return {}
    return {
        "jobs": [
            {"traceparent": None, "failed_us": None, **job} for job in before["jobs"]
        ]
    }


def _with_their_sum(before: Contents) -> Contents:
    """Stock items know the sum of their reservations; shipments were complete."""
    if "stock_items" not in before:
        return {}
    (held,) = before["reservations"]
    known = {"reserved": held["pieces"], "last_counted_us": None}
    items = [known | dict(row) for row in before["stock_items"]]
    whole = {"returned": 0, "complete": True}
    shipped = [whole | dict(row) for row in before["shipments"]]
    later = ("receipts", "file_rows", "order_lines")
    booked = {table: before.get(table, ()) for table in later}
    return {"stock_items": items, "shipments": shipped, **booked}


def _with_options(before: Contents) -> Contents:
    """Of the catalog: old imports register, and have no remarks."""
    if "products" not in before:
        return {}
    asked = {
        table: [{**known, **row} for row in before.get(table, ())]
        for table, [known] in _ASKED_OF_OLD_IMPORTS.items()
    }
    return {"product_import_rows": before.get("product_import_rows", ()), **asked}


def _without_folded_codes(before: Contents) -> Contents:
    if "product_listing" not in before:
        return {}
    rows = [
        {name: row[name] for name in row if name != "folded_code"}
        for row in before["product_listing"]
    ]
    return {"product_listing": rows}


def _with_folded_skus(before: Contents) -> Contents:
    if "products" not in before:
        return {}
    return {"products": [{**row, "folded_sku": "lamp-1"} for row in before["products"]]}


@pytest.mark.parametrize(("history", "revision"), EACH_REVISION)
def test_an_upgrade_keeps_existing_data(
    databases: Databases, history: History, revision: str
) -> None:
    schema = history.schema(databases)
    upgrade_to(schema, revision)
    before = fill(schema.database)

    schema.upgrade()

    found, expected = contents(schema.database), in_todays_tables(before)
    assert {table: list(rows) for table, rows in found.items()} == {
        table: list(rows) for table, rows in expected.items()
    }
    schema.database.close()


@pytest.mark.parametrize(("history", "revision"), EACH_REVISION)
def test_a_downgrade_after_an_upgrade_restores_everything(
    databases: Databases, history: History, revision: str
) -> None:
    schema = history.schema(databases)
    upgrade_to(schema, revision)
    before = fill(schema.database)

    schema.upgrade()
    schema.downgrade(revision)

    assert schema.state().revision == revision
    assert contents(schema.database) == before
    schema.database.close()


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.name)
def test_downgrading_to_base_works_with_data(
    databases: Databases, history: History
) -> None:
    schema = history.schema(databases)
    schema.upgrade()
    fill(schema.database)

    for revision in (*reversed(history.revisions[:-1]), "base"):
        assert schema.downgrade(revision)

    assert contents(schema.database) == {}
    assert schema.state().revision is None
    assert schema.upgrade()
    schema.database.close()


def append(log: EventLog, *keys: str) -> None:
    """Committed, and not settled."""
    with log.database.writing() as connection:
        entries = [Entry("lamp.lit", key, b"{}", None) for key in keys]
        log.append(connection, entries, 1)


def read(log: EventLog) -> list[tuple[int, str]]:
    """Not with today's code: the tables may be older."""
    said = "SELECT position, key FROM event_log ORDER BY position"
    with log.database.maintaining() as connection:
        return [(at, key) for at, key in connection.exec_driver_sql(said)]


WRITTEN = [(row["position"], row["key"]) for row in ROWS["event_log"]]
LOGS = pytest.mark.parametrize(
    "history", [CATALOG, INVENTORY], ids=["catalog", "inventory"]
)


@LOGS
@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_new_entries_follow_the_existing_ones(
    databases: Databases, history: History, revision: str
) -> None:
    schema = history.schema(databases)
    upgrade_to(schema, revision)
    fill(schema.database)
    schema.upgrade()
    log = EventLog(schema.database, "shop")

    append(log, "A", "B")
    append(log, "C")

    assert log.settle() == 7
    assert read(log) == [*WRITTEN, (5, "A"), (6, "B"), (7, "C")]
    schema.database.close()


@LOGS
def test_an_empty_log_begins_with_position_one_after_an_upgrade(
    databases: Databases, history: History
) -> None:
    schema = history.schema(databases)
    upgrade_to(schema, "0002")
    schema.upgrade()
    log = EventLog(schema.database, "shop")

    append(log, "A")

    assert log.settle() == 1
    assert read(log) == [(1, "A")]
    schema.database.close()


@LOGS
def test_a_downgrade_first_gives_positions_to_entries_without_one(
    databases: Databases, history: History
) -> None:
    schema = history.schema(databases)
    schema.upgrade()
    log = EventLog(schema.database, "shop")
    append(log, "A")
    log.settle()
    append(log, "B", "C")
    append(log, "D")

    schema.downgrade("0002")

    expected = [(1, "A"), (2, "B"), (3, "C"), (4, "D")]
    assert read(log) == expected
    schema.upgrade()
    append(log, "E")
    log.settle()
    assert read(log) == [*expected, (5, "E")]
    schema.database.close()


@pytest.mark.server
def test_a_failed_upgrade_changes_nothing(schemas: Schemas) -> None:
    """True on SQLite as well, but there nothing in 0003 can fail."""
    schema = CATALOG.schema(schemas)
    upgrade_to(schema, "0002")
    before = fill(schema.database)
    with schema.database.maintaining() as connection:
        in_the_way(connection)

    with pytest.raises(StorageUnavailableError, match="give_positions"):
        schema.upgrade()

    assert contents(schema.database) == before
    assert schema.state().revision == "0002"
    schema.database.close()


def in_the_way(connection: Connection) -> None:
    connection.exec_driver_sql(
        "CREATE FUNCTION give_positions() RETURNS bigint"
        " LANGUAGE sql AS 'SELECT CAST(0 AS bigint)'"
    )


@pytest.mark.server
def test_a_downgrade_drops_the_function(schemas: Schemas) -> None:
    schema = CATALOG.schema(schemas)
    schema.upgrade()
    schema.downgrade("0002")

    functions = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'new'::regnamespace"
    assert schemas.rows("new", functions) == [(0,)]
    schema.database.close()
