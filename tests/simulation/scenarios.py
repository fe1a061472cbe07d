"""Scenarios: lists of deeds for a seeded scheduler.

A deed is done when it returns True. Until then, and after a crash, it is retried, as by
a client without a response.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from catalog.application import commands as catalog_commands
from catalog.application import handlers as catalog_handlers
from catalog.domain.errors import SkuAlreadyRegistered
from catalog.domain.value_objects import OpeningStock, Price, ProductName
from inventory.adapters import catalog_acl
from inventory.application import commands as stock_commands
from inventory.application import handlers as stock_handlers
from inventory.domain.errors import UnknownStockItem
from inventory.domain.value_objects import Count, OrderReference, Quantity, Reason
from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters.letter import DEAD, PARKED
from shared_kernel.domain.errors import StaleVersion
from shared_kernel.domain.sku import Sku
from tests.shared_kernel.events.builders import NOON
from tests.simulation.laws import read_log
from tests.simulation.world import World

Deed = Callable[[World], bool]

LAMP, CHAIR = Sku("LAMP-0001"), Sku("CHAIR-0001")
LATER = NOON + timedelta(days=1)


def in_catalog(handler: Callable[..., Any], command: object) -> Deed:
    def deed(world: World) -> bool:
        try:
            world.execute(world.storehouse.context("catalog"), handler, command)
        except SkuAlreadyRegistered as refusal:
            # It was done before the crash, without a response.
            return refusal.as_given
        return True

    return deed


def in_inventory(handler: Callable[..., Any], command: object) -> Deed:
    def deed(world: World) -> bool:
        try:
            world.execute(world.storehouse.context("inventory"), handler, command)
        except UnknownStockItem:
            # Its product is registered; the stock item will be opened.
            return False
        except StaleVersion as refusal:
            # It was done before the crash: nobody else changes the stock item.
            return refusal.current > refusal.seen
        return True

    return deed


def rest(world: World) -> bool:
    return world.at_rest()


def register(sku: Sku, stock: int) -> Deed:
    return in_catalog(
        catalog_handlers.register_product,
        catalog_commands.RegisterProduct(
            sku=sku, name=ProductName("Lamp"), opening_stock=OpeningStock(stock)
        ),
    )


def rename(sku: Sku, name: str) -> Deed:
    return in_catalog(
        catalog_handlers.rename_product,
        catalog_commands.RenameProduct(sku=sku, name=ProductName(name)),
    )


def reprice(sku: Sku) -> Deed:
    return in_catalog(
        catalog_handlers.reprice_product,
        catalog_commands.RepriceProduct(sku=sku, price=Price(1999, "EUR")),
    )


def discontinue(sku: Sku) -> Deed:
    return in_catalog(
        catalog_handlers.discontinue_product,
        catalog_commands.DiscontinueProduct(sku=sku),
    )


def relist(sku: Sku) -> Deed:
    return in_catalog(
        catalog_handlers.relist_product, catalog_commands.RelistProduct(sku=sku)
    )


def reserve(sku: Sku, order: str, pieces: int, seconds: float = 86_400) -> Deed:
    return in_inventory(
        stock_handlers.reserve_stock,
        stock_commands.ReserveStock(
            sku=sku,
            order=OrderReference(order),
            quantity=Quantity(pieces),
            at=NOON,
            until=NOON + timedelta(seconds=seconds),
        ),
    )


def ship(sku: Sku, order: str) -> Deed:
    return in_inventory(
        stock_handlers.ship_stock,
        stock_commands.ShipStock(sku=sku, order=OrderReference(order), at=NOON),
    )


def receive(sku: Sku, pieces: int, version: int) -> Deed:
    return in_inventory(
        stock_handlers.receive_stock,
        stock_commands.ReceiveStock(
            sku=sku, quantity=Quantity(pieces), at=NOON, expected_version=version
        ),
    )


def count(sku: Sku, pieces: int, version: int) -> Deed:
    """Of a stock item at `version`: repeated after a crash, it is stale."""
    return in_inventory(
        stock_handlers.count_stock,
        stock_commands.CountStock(
            sku=sku,
            counted=Count(pieces),
            reason=Reason("stocktake"),
            at=NOON,
            expected_version=version,
        ),
    )


def until_expired(number: int) -> Deed:
    """Wait until all reservations have expired, as many as given."""

    def deed(world: World) -> bool:
        world.clock.now = max(world.clock.now, NOON + timedelta(seconds=30))
        log = read_log(world.databases, "inventory")
        return sum(event.type == "stock.expired" for event in log) == number

    return deed


def letters(world: World) -> list[tuple[str, str]]:
    """Inventory's dead letters: subject and state."""
    letters = world.storehouse.context("inventory").dead_letters["inventory"]
    return [(letter.envelope.type, letter.state) for letter in letters.list()]


def the_failing_event_is_dead_lettered_and_what_follows_parked(world: World) -> bool:
    assert letters(world) == [
        ("product.discontinued", DEAD),
        ("product.relisted", PARKED),
        ("product.renamed", PARKED),
    ]
    assert [event.type for event in read_log(world.databases, "inventory")] == [
        "stock.opened"
    ] * 2
    return True


def replay(world: World) -> bool:
    letters = world.storehouse.context("inventory").dead_letters["inventory"]
    for letter in letters.list():
        if letter.state == DEAD:
            letters.replay(letter.number)
    return True


def poison(patch: pytest.MonkeyPatch) -> tuple[Deed, Deed]:
    """Deeds that make inventory fail at discontinued products, and repair it."""
    translate = catalog_acl.translate

    def failing(envelope: Envelope) -> object:
        if envelope.type == "product.discontinued":
            raise LookupError("poison")
        return translate(envelope)

    def break_inventory(world: World) -> bool:
        patch.setattr(catalog_acl, "translate", failing)
        return True

    def repair(world: World) -> bool:
        patch.setattr(catalog_acl, "translate", translate)
        return True

    return break_inventory, repair


MENDED = b'"mended":true'


def poison_until_mended(patch: pytest.MonkeyPatch) -> Deed:
    """A deed that makes inventory fail at discontinued products that are not edited."""
    translate = catalog_acl.translate

    def failing(envelope: Envelope) -> object:
        if envelope.type == "product.discontinued" and MENDED not in envelope.data:
            raise LookupError("poison")
        return translate(envelope)

    def break_inventory(world: World) -> bool:
        patch.setattr(catalog_acl, "translate", failing)
        return True

    return break_inventory


def edit(world: World) -> bool:
    """Done again after a crash, it changes nothing."""
    letters = world.storehouse.context("inventory").dead_letters["inventory"]
    (letter, *_) = letters.list()
    data = letter.envelope.data
    if MENDED not in data:
        data = data.rstrip(b"}") + b"," + MENDED + b"}"
    letters.edit(letter.number, data, who="ada", why="mended")
    return True


def each_repair_is_recorded_once(world: World) -> bool:
    letters = world.storehouse.context("inventory").dead_letters["inventory"]
    assert [(each.type, each.action) for each in reversed(letters.repairs())] == [
        ("product.discontinued", "edited"),
        ("product.discontinued", "replayed"),
        ("product.relisted", "replayed"),
        ("product.renamed", "replayed"),
    ]
    return True


def scenarios(patch: pytest.MonkeyPatch) -> dict[str, Sequence[Deed]]:
    break_inventory, repair = poison(patch)
    return {
        "registering": [
            register(LAMP, 5),
            register(CHAIR, 0),
            rename(LAMP, "Desk lamp"),
            reprice(LAMP),
        ],
        "reserving and shipping": [
            register(LAMP, 5),
            reserve(LAMP, "A", 2),
            reserve(LAMP, "B", 3),
            ship(LAMP, "A"),
        ],
        "discontinuing and relisting": [
            register(LAMP, 5),
            rest,
            discontinue(LAMP),
            rest,
            relist(LAMP),
            rest,
            receive(LAMP, 2, version=3),
        ],
        "a count that releases": [
            register(LAMP, 5),
            reserve(LAMP, "A", 2),
            reserve(LAMP, "B", 3),
            count(LAMP, 4, version=4),
            count(LAMP, 0, version=6),
        ],
        "an event that fails for a while": [
            break_inventory,
            register(LAMP, 5),
            rest,
            discontinue(LAMP),
            register(CHAIR, 1),
            relist(LAMP),
            rename(LAMP, "Desk lamp"),
            rest,
            the_failing_event_is_dead_lettered_and_what_follows_parked,
            repair,
            replay,
        ],
        "a letter that is edited": [
            poison_until_mended(patch),
            register(LAMP, 5),
            rest,
            discontinue(LAMP),
            register(CHAIR, 1),
            relist(LAMP),
            rename(LAMP, "Desk lamp"),
            rest,
            the_failing_event_is_dead_lettered_and_what_follows_parked,
            edit,
            replay,
            each_repair_is_recorded_once,
        ],
        "reservations that expire": [
            register(LAMP, 5),
            reserve(LAMP, "A", 2, seconds=30),
            reserve(LAMP, "B", 3, seconds=30),
            until_expired(2),
            reserve(LAMP, "C", 5),
        ],
    }
