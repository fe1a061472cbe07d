"""Inventory's commands over HTTP that are about the shelf."""

from functools import partial

from flask import Response

from inventory.adapters.http_bodies import (
    CountBody,
    LevelBody,
    ReceiptBody,
    ReorderPointBody,
    level_to_body,
)
from inventory.adapters.http_refusals import (
    STOCK_ITEM_IS_RETIRED,
)
from inventory.adapters.known_by_now import known_by_now
from inventory.adapters.services import InventoryServices
from inventory.application import commands, handlers
from inventory.domain.value_objects import (
    Count,
    Quantity,
    Reason,
    ReorderPoint,
    StockLevel,
)
from shared_kernel.web.bodies import Body
from shared_kernel.web.commands import CHANGED_HEADERS, Answer, Commands, changed
from shared_kernel.web.preconditions import expected_version
from shared_kernel.web.problems import UNKNOWN_SKU
from shared_kernel.web.routes import Api, Success


def add_shelf(api: Api, services: InventoryServices) -> None:
    perform = Commands("inventory", services.writer, services.clock).perform
    known = partial(known_by_now, services)
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


def _success(description: str) -> Success:
    return Success(description=description, kind=LevelBody, headers=CHANGED_HEADERS)


def _level(level: StockLevel) -> Answer:
    return changed(level_to_body(level), level.version)
