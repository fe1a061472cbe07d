"""The laws that must hold of the four databases, whatever happened to the processes.

Everything is read with the plain driver and folded by plain code, so that this module
shares no error with the code under test. Each violation is a sentence.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from shared_kernel.events.versions import subject_of
from tests.databases import Databases, Row

FOLLOWED = {
    "product.inserted": "stock.opened",
    "product.discontinued": "stock.retired",
    "product.relisted": "stock.reopened",
}
SUBSCRIPTIONS = {
    "inventory": {("inventory.catalog", "catalog")},
    "inventory_read": {("inventory.movements", "inventory")},
    "catalog_read": {
        ("catalog.listing", "catalog"),
        ("catalog.listing", "inventory"),
    },
}


@attrs.frozen
class Event:
    position: int
    id: str
    type: str
    key: str
    time_us: int
    data: dict[str, Any]


@attrs.define
class Stock:
    """A stock item, folded from the specific fields of its events."""

    on_hand: int = 0
    reorder_point: int = 0
    retired: bool = False
    version: int = 0
    reservations: dict[str, int] = attrs.field(factory=dict)
    shipments: dict[str, int] = attrs.field(factory=dict)
    returned: dict[str, int] = attrs.field(factory=dict)

    @property
    def reserved(self) -> int:
        return sum(self.reservations.values())

    @property
    def availability(self) -> str:
        available = self.on_hand - self.reserved
        if self.retired:
            return "retired"
        if available == 0:
            return "out_of_stock"
        return "low" if available <= self.reorder_point else "in_stock"

    def fold(self, event: Event) -> None:
        said = event.data
        self.version = said["version"]
        match subject_of(event.type).removeprefix("stock."):
            case "opened":
                self.on_hand = said["on_hand"]
            case "received":
                self.on_hand += said["pieces"]
            case "counted":
                assert said["on_hand"] - self.on_hand == said["difference"]
                self._find(said["difference"], said["released"])
            case "corrected":
                self._find(said["difference"], said["released"])
            case "reserved":
                self.reservations[said["order"]] = said["pieces"]
            case "reservation_changed":
                assert self.reservations[said["order"]] == said["pieces_before"]
                self.reservations[said["order"]] = said["pieces"]
            case "released" | "expired":
                assert self.reservations.pop(said["order"]) == said["pieces"]
            case "shipped":
                self._ship(said["order"], said["pieces"])
                assert self.reservations.get(said["order"], 0) == said["still_held"]
            case "returned":
                self.on_hand += said["pieces"]
                returned = self.returned.get(said["order"], 0) + said["pieces"]
                self.returned[said["order"]] = returned
                assert returned <= self.shipments[said["order"]]
            case "reorder_point_set":
                self.reorder_point = said["reorder_point"]
            case "retired":
                self.retired = True
            case "reopened":
                self.retired = False
            case "depleted" | "replenished" | "low":
                pass
            case unknown:
                raise LookupError(unknown)

    def _find(self, difference: int, released: list[dict[str, Any]]) -> None:
        self.on_hand += difference
        for hold in released:
            assert self.reservations.pop(hold["order"]) == hold["pieces"]

    def _ship(self, order: str, pieces: int) -> None:
        self.on_hand -= pieces
        self.shipments[order] = self.shipments.get(order, 0) + pieces
        self.reservations[order] -= pieces
        if not self.reservations[order]:
            del self.reservations[order]


def read_log(databases: Databases, owner: str) -> list[Event]:
    found = databases.rows(
        owner,
        "SELECT position, id, type, key, time_us, data FROM event_log "
        "WHERE position IS NOT NULL ORDER BY 1",
    )
    return [
        Event(position, id_, type_, key, time_us, json.loads(data))
        for position, id_, type_, key, time_us, data in found
    ]


def recorded(databases: Databases, owner: str) -> int:
    """How many entries are committed, with or without a position."""
    ((count,),) = databases.rows(owner, "SELECT count(*) FROM event_log")
    return int(count)


def unsettled(databases: Databases, owner: str) -> int:
    """How many entries are committed and have no position: they are not in the log yet.

    None ever on SQLite.
    """
    ((count,),) = databases.rows(
        owner, "SELECT count(*) FROM event_log WHERE position IS NULL"
    )
    return int(count)


def history(databases: Databases) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """The events of each SKU, in order, without the interleaving of SKUs."""
    of_key: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for owner in ("catalog", "inventory"):
        for event in read_log(databases, owner):
            of_key[f"{owner}/{event.key}"].append((event.type, event.data))
    return dict(of_key)


def violations(databases: Databases) -> list[str]:
    """The violations of a storehouse at rest: all events are published and applied."""
    products = read_log(databases, "catalog")
    stock = read_log(databases, "inventory")
    return [
        *log_violations("catalog", products),
        *log_violations("inventory", stock),
        *unsettled_violations(databases),
        *following_violations(products, stock),
        *table_violations(databases, products, stock),
        *cursor_violations(databases, len(products), len(stock)),
        *movement_violations(databases, stock),
        *listing_violations(databases, products, stock),
    ]


def log_violations(owner: str, log: Sequence[Event]) -> Iterator[str]:
    if [event.position for event in log] != list(range(1, len(log) + 1)):
        yield f"{owner}: positions have holes"
    if len({event.id for event in log}) != len(log):
        yield f"{owner}: an id stands twice"
    versions = defaultdict(list)
    for event in log:
        versions[event.key].append(event.data["version"])
    for key, counted in versions.items():
        if counted != list(range(1, len(counted) + 1)):
            yield f"{owner}: versions of {key} are {counted}"


def unsettled_violations(databases: Databases) -> Iterator[str]:
    for owner in ("catalog", "inventory"):
        if count := unsettled(databases, owner):
            yield f"{owner}: {count} entries have no position"


def following_violations(products: list[Event], stock: list[Event]) -> Iterator[str]:
    asked, done = defaultdict(list), defaultdict(list)
    for event in products:
        if event.type in FOLLOWED:
            count = event.data.get("stock_count")
            asked[event.key].append((FOLLOWED[event.type], count))
    for event in stock:
        if event.type in FOLLOWED.values():
            opened = event.type == "stock.opened"
            count = event.data["on_hand"] if opened else None
            done[event.key].append((event.type, count))
    for key in asked.keys() | done.keys():
        if asked[key] != done[key]:
            yield f"inventory: {key} was to be {asked[key]}, was {done[key]}"


def table_violations(
    databases: Databases, products: list[Event], stock: list[Event]
) -> Iterator[str]:
    expected = sorted(product_rows(products).values())
    stored = databases.rows(
        "catalog",
        "SELECT sku, name, description, price_minor_units, price_currency, status, "
        "version FROM products ORDER BY sku",
    )
    if stored != expected:
        yield f"products are {stored}, the log says {expected}"

    items = stock_items(stock)
    last = {event.key: event.data for event in stock}
    for key, item in items.items():
        said = {name: last[key][name] for name in ("on_hand", "reserved", "version")}
        if said != {
            "on_hand": item.on_hand,
            "reserved": item.reserved,
            "version": item.version,
        }:
            yield f"the last event of {key} says {said}, those before it {item}"
        if last[key]["available"] != item.on_hand - item.reserved:
            yield f"the last event of {key} miscounts what is available"
        if last[key]["availability"] != item.availability:
            yield f"the last event of {key} says {last[key]}, those before it {item}"
        if item.on_hand < item.reserved:
            yield f"{key} has more reserved than on hand"
    compared: dict[str, list[Row]] = {
        "SELECT sku, on_hand, reorder_point, retired, version, reserved "
        "FROM stock_items ORDER BY sku": [
            (
                key,
                item.on_hand,
                item.reorder_point,
                item.retired,
                item.version,
                item.reserved,
            )
            for key, item in sorted(items.items())
        ],
        "SELECT sku, order_reference, pieces FROM reservations ORDER BY sku, placed": [
            (key, order, pieces)
            for key, item in sorted(items.items())
            for order, pieces in item.reservations.items()
        ],
        "SELECT sku, order_reference, pieces, returned FROM shipments "
        "ORDER BY 1, 2": sorted(
            (key, order, pieces, item.returned.get(order, 0))
            for key, item in items.items()
            for order, pieces in item.shipments.items()
        ),
    }
    for sql, expected in compared.items():
        if (stored := databases.rows("inventory", sql)) != expected:
            yield f"{sql} gives {stored}, the log says {expected}"


def cursor_violations(databases: Databases, products: int, stock: int) -> Iterator[str]:
    heads = {"catalog": products, "inventory": stock}
    for owner, subscribed in SUBSCRIPTIONS.items():
        cursors = {
            (name, source): position
            for name, source, position in databases.rows(
                owner,
                # A relay saves its position only now and then.
                "SELECT subscription, source, position FROM subscription_cursors "
                "WHERE subscription NOT LIKE '%.relay'",
            )
        }
        # A subscription that never ran has no cursor, and nothing to do.
        cursors = dict.fromkeys(subscribed, 0) | cursors
        expected = {each: heads[each[1]] for each in subscribed}
        if cursors != expected:
            yield f"cursors are {cursors}, should be {expected}"
        for letter in databases.rows(owner, "SELECT * FROM dead_letters"):
            yield f"{owner}: a dead letter is left: {letter}"


def movement_violations(databases: Databases, stock: list[Event]) -> Iterator[str]:
    shown = [
        (position, sku, json.loads(body))
        for position, sku, body in databases.rows(
            "inventory_read",
            "SELECT position, sku, body FROM stock_movements ORDER BY position",
        )
    ]
    expected = [
        (
            event.position,
            event.key,
            {
                "position": event.position,
                "kind": subject_of(event.type).removeprefix("stock."),
                "at": moment(event.time_us),
            }
            | event.data,
        )
        for event in stock
    ]
    if shown != expected:
        yield f"movements are {shown}, the log says {expected}"


def listing_violations(
    databases: Databases, products: list[Event], stock: list[Event]
) -> Iterator[str]:
    shown = {
        code: (place, body and json.loads(body))
        for code, place, body in databases.rows(
            "catalog_read", "SELECT code, place, body FROM product_listing"
        )
    }
    expected = listings(products, stock)
    for code in shown.keys() | expected.keys():
        if shown.get(code) != expected.get(code):
            yield f"listed is {shown.get(code)}, the logs say {expected.get(code)}"


def product_rows(products: list[Event]) -> dict[str, Row]:
    columns = (
        "sku",
        "name",
        "description",
        "price_minor_units",
        "price_currency",
        "status",
        "version",
    )
    return {
        event.key: tuple(event.data.get(name) for name in columns) for event in products
    }


def stock_items(stock: list[Event]) -> dict[str, Stock]:
    items: dict[str, Stock] = defaultdict(Stock)
    for event in stock:
        items[event.key].fold(event)
    return dict(items)


def listings(
    products: list[Event], stock: list[Event]
) -> dict[str, tuple[int | None, dict[str, Any] | None]]:
    """By SKU: the place in the listing, and the product shown."""
    availability: dict[str, str] = {}
    updated: dict[str, int] = defaultdict(int)
    for event in stock:
        if availability.get(event.key) != event.data["availability"]:
            availability[event.key] = event.data["availability"]
            updated[event.key] = max(updated[event.key], event.time_us)
    places = {
        event.key: event.position
        for event in products
        if event.type == "product.inserted"
    }
    shown: dict[str, tuple[int | None, dict[str, Any] | None]] = {}
    for event in products:
        said, key = event.data, event.key
        updated[key] = max(updated[key], event.time_us)
        listed = said["status"] == "listed"
        price = said["price_minor_units"]
        shown[key] = (
            places[key] if listed else None,
            {
                "name": said["name"],
                "code": key,
                "description": said["description"],
                "price": None
                if price is None
                else {"minor_units": price, "currency": said["price_currency"]},
                "status": said["status"],
                "availability": availability.get(key, "unknown"),
                "last_updated": moment(updated[key]),
            },
        )
    return shown


def moment(microseconds: int) -> str:
    """As JSON has it: RFC 3339, in UTC."""
    seconds, rest = divmod(microseconds, 1_000_000)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:06}Z" if rest else f"{whole}Z"
