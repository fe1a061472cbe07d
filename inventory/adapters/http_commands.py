"""Inventory's commands over HTTP: stock on the shelf, and reservations."""

from datetime import timedelta
from functools import partial

from flask import Response

from inventory.adapters.http_bodies import (
    CountBody,
    LevelBody,
    ReceiptBody,
    ReorderPointBody,
    ReservationBody,
    level_to_body,
)
from inventory.adapters.http_refusals import (
    INSUFFICIENT_STOCK,
    ORDER_ALREADY_SHIPPED,
    RESERVATION_DIFFERS,
    STOCK_ITEM_IS_RETIRED,
    UNKNOWN_RESERVATION,
    known_sku,
)
from inventory.adapters.services import InventoryServices
from inventory.application import commands, handlers
from inventory.domain.value_objects import (
    Count,
    OrderReference,
    Quantity,
    Reason,
    ReorderPoint,
    StockLevel,
)
from shared_kernel.domain.sku import Sku
from shared_kernel.web.bodies import Body
from shared_kernel.web.commands import CHANGED_HEADERS, Answer, Commands, changed
from shared_kernel.web.preconditions import expected_version
from shared_kernel.web.problems import UNKNOWN_SKU
from shared_kernel.web.reading import wait_until_visible
from shared_kernel.web.routes import Api, Success


def add_shelf(api: Api, services: InventoryServices) -> None:
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
        success=_success("They are on the shelf."),
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
        success=_success("Reservations that no longer fit are released."),
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
        success=_success("At so many available pieces or fewer, stock is low."),
    )
    def set_reorder_point(sku: str) -> Response:
        command = commands.SetReorderPoint(
            sku=known(sku),
            reorder_point=ReorderPoint(reorder_point.read().pieces),
            expected_version=expected_version(),
        )
        return perform(handlers.set_reorder_point, command, _level)


def add_reservations(api: Api, services: InventoryServices) -> None:
    perform = Commands("inventory", services.writer, services.clock).perform
    known = partial(_known_by_now, services)
    reservation = Body(ReservationBody)
    default_hold = timedelta(minutes=services.reservation_minutes)

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
        success=_success("They are held until they ship or the time is over."),
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
        success=_success("The order holds nothing (any more)."),
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
        success=_success("They have left the shelf."),
    )
    def ship_stock(sku: str, order: str) -> Response:
        command = commands.ShipStock(
            sku=known(sku),
            order=OrderReference(order),
            expected_version=expected_version(),
        )
        return perform(handlers.ship_stock, command, _level)


def _success(description: str) -> Success:
    return Success(description=description, kind=LevelBody, headers=CHANGED_HEADERS)


def _known_by_now(services: InventoryServices, sku: str) -> Sku:
    """Wait until the product that the token refers to has arrived from the catalog."""
    wait_until_visible(services.stock, services.consistency_timeout_ms)
    return known_sku(sku)


def _level(level: StockLevel) -> Answer:
    return changed(level_to_body(level), level.version)
