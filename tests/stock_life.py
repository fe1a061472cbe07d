"""What commands do to a stock item, as their client knows it, and lives of such ones.

A simple model, without log, bus and crashes: the simulation and the fault tests compare
the inventory with it.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

ORDERS = ("A", "B")
OF_THE_WAREHOUSE = 0.4
Body = Mapping[str, Any] | None


@attrs.define
class Expected:
    """The acknowledged commands for one stock item, orders in the order of their holds.

    `shipped` and `returned` are pieces by order.
    """

    on_hand: int = 0
    reserved: dict[str, int] = attrs.field(factory=dict)
    shipped: dict[str, int] = attrs.field(factory=dict)
    returned: dict[str, int] = attrs.field(factory=dict)

    @property
    def available(self) -> int:
        return self.on_hand - sum(self.reserved.values())

    def receive(self, pieces: int) -> None:
        self.on_hand += pieces

    def reserve(self, order: str, pieces: int) -> None:
        """Or change what it holds."""
        self.reserved[order] = pieces

    def release(self, order: str) -> None:
        self.reserved.pop(order, None)

    def ship(self, order: str, pieces: int | None = None) -> None:
        """All that it holds, unless `pieces` says how many."""
        held = self.reserved.get(order, 0)
        gone = held if pieces is None else pieces
        if gone < held:
            # The hold stays as old as it is.
            self.reserved[order] = held - gone
        else:
            self.reserved.pop(order, None)
        self.on_hand -= gone
        if gone:
            self.shipped[order] = self.shipped.get(order, 0) + gone

    def take_back(self, order: str, pieces: int) -> None:
        self.on_hand += pieces
        self.returned[order] = self.returned.get(order, 0) + pieces

    def find(self, on_hand: int) -> None:
        """By a count or a correction: the newest holds are released until it fits."""
        self.on_hand = on_hand
        while sum(self.reserved.values()) > on_hand:
            self.reserved.popitem()


@attrs.frozen
class Deed:
    """A command for a stock item, as a request behind `/stock/{sku}`.

    `event` is the fact that it records, once; `order` its order, or else empty.
    """

    event: str
    order: str
    method: str
    path: str
    body: Body


def deeds(sku: str, number: int, chance: random.Random) -> Sequence[Deed]:
    """So many, drawn; each is accepted behind those before it."""
    expected, drawn = Expected(on_hand=5), []
    for turn in range(number):
        options = _of_order(expected, chance.choice(ORDERS), chance)
        # Holds and shipments are more frequent than facts of the warehouse.
        if not options or chance.random() < OF_THE_WAREHOUSE:
            options = _of_warehouse(expected, sku, turn, chance)
        deed = options[chance.choice(sorted(options))]
        apply(deed, expected)
        drawn.append(deed)
    return drawn


def apply(deed: Deed, expected: Expected) -> None:
    body, order = deed.body or {}, deed.order
    match deed.event:
        case "stock.received":
            expected.receive(body["quantity"])
        case "stock.counted":
            expected.find(body["on_hand"])
        case "stock.corrected":
            expected.find(expected.on_hand + body["difference"])
        case "stock.reserved" | "stock.reservation_changed":
            expected.reserve(order, body["quantity"])
        case "stock.released":
            expected.release(order)
        case "stock.shipped":
            expected.ship(order, body.get("quantity"))
        case "stock.returned":
            expected.take_back(order, body["quantity"])
        case unknown:
            raise LookupError(unknown)


def _of_warehouse(
    expected: Expected, sku: str, turn: int, chance: random.Random
) -> dict[str, Deed]:
    """One of each kind that would be accepted, by its name."""
    pieces = chance.randint(1, 3)
    found = {
        "receipt": _post("stock.received", "receipts", {"quantity": pieces}),
        "delivery": _post(
            "stock.received",
            "receipts",
            {"quantity": pieces, "reference": f"DN/{sku}/{turn}"},
        ),
        "count": _post(
            "stock.counted",
            "counts",
            {"on_hand": chance.randint(0, 6), "reason": "stocktake"},
        ),
        "correction": _post(
            "stock.corrected",
            "corrections",
            {"difference": chance.choice([1, 2]), "reason": "found"},
        ),
    }
    if expected.on_hand:
        body = {"difference": -1, "reason": "broken"}
        found["loss"] = _post("stock.corrected", "corrections", body)
    return found


def _of_order(expected: Expected, order: str, chance: random.Random) -> dict[str, Deed]:
    held, path = expected.reserved.get(order, 0), f"reservations/{order}"
    found = {}
    # A whole shipment ends an order; so none holds again after one.
    if not held and not expected.shipped.get(order) and expected.available:
        body = {"quantity": chance.randint(1, expected.available)}
        found["hold"] = Deed("stock.reserved", order, "PUT", path, body)
    if held:
        body = {"quantity": held + 1 if expected.available else held - 1}
        if body["quantity"]:
            event = "stock.reservation_changed"
            found["change"] = Deed(event, order, "PUT", path, body)
        found["release"] = Deed("stock.released", order, "DELETE", path, None)
        found["shipment"] = _post("stock.shipped", f"{path}/shipment", None, order)
    if held > 1:
        body = {"quantity": 1}
        found["part"] = _post("stock.shipped", f"{path}/shipment", body, order)
    if expected.shipped.get(order, 0) > expected.returned.get(order, 0):
        body = {"quantity": 1}
        found["return"] = _post("stock.returned", f"{path}/returns", body, order)
    return found


def _post(event: str, path: str, body: Body, order: str = "") -> Deed:
    return Deed(event, order, "POST", path, body)
