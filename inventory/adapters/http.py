"""Inventory over HTTP. Rules: `features/inventory`; form: RFC 9110 and RFC 9457."""

from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from flask import Response

from inventory.adapters.http_bodies import (
    CountBody,
    LevelBody,
    QuantityBody,
    ReceiptBody,
    ReorderPointBody,
    ReservationBody,
    level_to_body,
)
from inventory.adapters.repository import SqlStockItemRepository
from inventory.adapters.services import InventoryServices
from inventory.application import commands, handlers
from inventory.domain.errors import (
    InsufficientStock,
    OrderAlreadyShipped,
    ReservationDiffers,
    StockItemIsRetired,
    UnknownReservation,
    UnknownStockItem,
)
from inventory.domain.value_objects import (
    ORDER_REFERENCE_PATTERN,
    Count,
    OrderReference,
    Quantity,
    Reason,
    ReorderPoint,
    StockLevel,
)
from inventory.read_model import stock_movements
from shared_kernel.adapters.web.bodies import Body
from shared_kernel.adapters.web.commands import Answer, Commands
from shared_kernel.adapters.web.parameters import (
    Parameter,
    expected_version,
    integer,
    read_query,
)
from shared_kernel.adapters.web.problems import UNKNOWN_SKU, ProblemKind, kind
from shared_kernel.adapters.web.reading import next_link, wait_until_visible
from shared_kernel.adapters.web.routes import Api, Success
from shared_kernel.domain.errors import DomainError, InvalidValue
from shared_kernel.domain.sku import SKU_PATTERN, Sku

INSUFFICIENT_STOCK = kind(
    "insufficient-stock",
    409,
    "There is not enough",
    "More pieces were asked for than are `available`.",
)
STOCK_ITEM_IS_RETIRED = kind(
    "stock-item-is-retired",
    409,
    "The stock item is retired",
    "Its product was discontinued: nothing new is received or reserved.",
)
RESERVATION_DIFFERS = kind(
    "reservation-differs",
    409,
    "The order holds another quantity",
    "Release what the order holds before you reserve another quantity for it.",
)
ORDER_ALREADY_SHIPPED = kind(
    "order-already-shipped",
    409,
    "The order has shipped",
    "Its pieces have left the shelf.",
)
UNKNOWN_RESERVATION = kind(
    "unknown-reservation",
    404,
    "There is no such reservation",
    "The order holds nothing.",
)

INVENTORY_REFUSALS: dict[type[DomainError], ProblemKind] = {
    UnknownStockItem: UNKNOWN_SKU,
    StockItemIsRetired: STOCK_ITEM_IS_RETIRED,
    InsufficientStock: INSUFFICIENT_STOCK,
    ReservationDiffers: RESERVATION_DIFFERS,
    OrderAlreadyShipped: ORDER_ALREADY_SHIPPED,
    UnknownReservation: UNKNOWN_RESERVATION,
}

_WRITTEN = {
    "ETag": "The stock item's version, for `If-Match`.",
    "Consistency-Token": "For reads that must show this change.",
}
_ID = Parameter(
    name="id",
    description="The SKU.",
    schema={
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "examples": ["LAMP-0001"],
    },
    required=True,
)
_MOVEMENTS = (
    integer("limit", "How many at the most.", 1, 1000, default=100),
    integer("cursor", "Where to go on: follow `Link`.", 0, 2**63 - 1),
)
_MOVEMENT = {
    "type": "object",
    "required": ["position", "kind", "at", "sku", "on_hand", "reserved", "available"],
    "properties": {
        "position": {"type": "integer"},
        "kind": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "sku": {"type": "string"},
        "on_hand": {"type": "integer"},
        "reserved": {"type": "integer"},
        "available": {"type": "integer"},
    },
}


def inventory_api(services: InventoryServices) -> Api:
    api = Api(
        "inventory",
        {
            "sku": {
                "type": "string",
                "pattern": SKU_PATTERN,
                "examples": ["LAMP-0001"],
            },
            "order": {
                "type": "string",
                "pattern": ORDER_REFERENCE_PATTERN,
                "examples": ["ORDER-1"],
            },
        },
        INVENTORY_REFUSALS,
    )
    _add_levels(api, services)
    _add_shelf(api, services)
    _add_reservations(api, services)
    return api


def _add_levels(api: Api, services: InventoryServices) -> None:
    timeout_ms = services.settings.consistency_timeout_ms

    def level(sku: str) -> StockLevel:
        wait_until_visible(services.stock, timeout_ms)
        with services.database.reading() as connection:
            return SqlStockItemRepository(connection).get(_known(sku)).level

    @api.route(
        "GET",
        "/stock",
        summary="Tell the available quantity",
        parameters=(_ID,),
        consistent=services.stock.sources,
        problems=(UNKNOWN_SKU,),
        success=Success(description="Exact, as of now.", kind=QuantityBody),
    )
    def show_quantity() -> Response:
        asked = read_query((_ID,))
        return _json(QuantityBody(quantity=level(asked["id"]).available))

    @api.route(
        "GET",
        "/stock/<sku>",
        summary="Show a stock item's level",
        consistent=services.stock.sources,
        problems=(UNKNOWN_SKU,),
        success=Success(
            description="Exact, as of now.",
            kind=LevelBody,
            headers={"ETag": _WRITTEN["ETag"]},
        ),
    )
    def show_level(sku: str) -> Response:
        read_query(())
        found = level(sku)
        return _json(level_to_body(found), {"ETag": f'"{found.version}"'})

    @api.route(
        "GET",
        "/stock/<sku>/movements",
        summary="Show what moved",
        parameters=_MOVEMENTS,
        consistent=services.movements.sources,
        problems=(UNKNOWN_SKU,),
        success=Success(
            description="The newest first.",
            schema={"type": "array", "items": _MOVEMENT},
            headers={"Link": "The next page, if there is one."},
        ),
    )
    def show_movements(sku: str) -> Response:
        asked = read_query(_MOVEMENTS)
        wait_until_visible(services.movements, timeout_ms)
        before = 2**63 - 1 if asked["cursor"] is None else asked["cursor"]
        with services.database.reading() as connection:
            SqlStockItemRepository(connection).get(_known(sku))
        with services.read_database.reading() as connection:
            page = stock_movements.page(connection, sku, before, asked["limit"])
        link = (
            None
            if page.next_before is None
            else next_link(**asked | {"cursor": page.next_before})
        )
        return Response(page.body, headers=link, content_type="application/json")


def _add_shelf(api: Api, services: InventoryServices) -> None:
    perform = Commands("inventory", services.writer, services.clock).perform
    known = partial(_known_by_now, services)
    receipt, count = Body(ReceiptBody), Body(CountBody)
    reorder_point = Body(ReorderPointBody)

    @api.route(
        "POST",
        "/stock/<sku>/receipts",
        summary="Receive pieces",
        body=receipt,
        conditional=True,
        consistent=services.stock.sources,
        idempotent=True,
        problems=(UNKNOWN_SKU, STOCK_ITEM_IS_RETIRED),
        success=_changed("They are on the shelf."),
    )
    def receive_stock(sku: str) -> Response:
        command = commands.ReceiveStock(
            sku=known(sku),
            quantity=Quantity(receipt.read().quantity),
            expected_version=expected_version(),
        )
        return perform(handlers.receive_stock, command, _level)

    @api.route(
        "POST",
        "/stock/<sku>/counts",
        summary="Set the truth by a stocktake",
        body=count,
        conditional=True,
        consistent=services.stock.sources,
        idempotent=True,
        problems=(UNKNOWN_SKU,),
        success=_changed("Reservations that no longer fit are released."),
    )
    def count_stock(sku: str) -> Response:
        counted = count.read()
        command = commands.CountStock(
            sku=known(sku),
            counted=Count(counted.on_hand),
            reason=Reason(counted.reason),
            expected_version=expected_version(),
        )
        return perform(handlers.count_stock, command, _level)

    @api.route(
        "PUT",
        "/stock/<sku>/reorder-point",
        summary="Say when stock is low",
        body=reorder_point,
        conditional=True,
        consistent=services.stock.sources,
        problems=(UNKNOWN_SKU,),
        success=_changed("At so many available pieces or fewer, stock is low."),
    )
    def set_reorder_point(sku: str) -> Response:
        command = commands.SetReorderPoint(
            sku=known(sku),
            reorder_point=ReorderPoint(reorder_point.read().pieces),
            expected_version=expected_version(),
        )
        return perform(handlers.set_reorder_point, command, _level)


def _add_reservations(api: Api, services: InventoryServices) -> None:
    perform = Commands("inventory", services.writer, services.clock).perform
    known = partial(_known_by_now, services)
    reservation = Body(ReservationBody)
    default_hold = timedelta(minutes=services.settings.reservation_minutes)

    @api.route(
        "PUT",
        "/stock/<sku>/reservations/<order>",
        summary="Reserve pieces for an order",
        body=reservation,
        conditional=True,
        consistent=services.stock.sources,
        problems=(
            UNKNOWN_SKU,
            INSUFFICIENT_STOCK,
            STOCK_ITEM_IS_RETIRED,
            RESERVATION_DIFFERS,
            ORDER_ALREADY_SHIPPED,
        ),
        success=_changed("They are held until they ship or the time is over."),
    )
    def reserve_stock(sku: str, order: str) -> Response:
        asked = reservation.read()
        hold = (
            default_hold
            if asked.hold_seconds is None
            else timedelta(seconds=asked.hold_seconds)
        )
        command = commands.ReserveStock(
            sku=known(sku),
            order=OrderReference(order),
            quantity=Quantity(asked.quantity),
            until=services.clock() + hold,
            expected_version=expected_version(),
        )
        return perform(handlers.reserve_stock, command, _level)

    @api.route(
        "DELETE",
        "/stock/<sku>/reservations/<order>",
        summary="Release what an order holds",
        conditional=True,
        consistent=services.stock.sources,
        problems=(UNKNOWN_SKU, ORDER_ALREADY_SHIPPED),
        success=_changed("The order holds nothing (any more)."),
    )
    def release_stock(sku: str, order: str) -> Response:
        command = commands.ReleaseStock(
            sku=known(sku),
            order=OrderReference(order),
            expected_version=expected_version(),
        )
        return perform(handlers.release_stock, command, _level)

    @api.route(
        "POST",
        "/stock/<sku>/reservations/<order>/shipment",
        summary="Ship what an order holds",
        conditional=True,
        consistent=services.stock.sources,
        idempotent=True,
        problems=(UNKNOWN_SKU, UNKNOWN_RESERVATION),
        success=_changed("They have left the shelf."),
    )
    def ship_stock(sku: str, order: str) -> Response:
        command = commands.ShipStock(
            sku=known(sku),
            order=OrderReference(order),
            expected_version=expected_version(),
        )
        return perform(handlers.ship_stock, command, _level)


def _changed(description: str) -> Success:
    return Success(description=description, kind=LevelBody, headers=_WRITTEN)


def _known_by_now(services: InventoryServices, sku: str) -> Sku:
    """With a token, once the product it speaks of has come here from the catalog."""
    wait_until_visible(services.stock, services.settings.consistency_timeout_ms)
    return _known(sku)


def _known(sku: str) -> Sku:
    """What cannot be a SKU is not that of any stock item. Raises UnknownStockItem."""
    try:
        return Sku(sku)
    except InvalidValue:
        raise UnknownStockItem(sku=sku) from None


def _level(level: StockLevel) -> Answer:
    return Answer(
        body=msgspec.json.encode(level_to_body(level)),
        headers={"ETag": f'"{level.version}"'},
    )


def _json(body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(body), headers=headers, content_type="application/json"
    )
