"""Inventory's commands over HTTP that are about the shelf."""

from functools import partial

from flask import Response

from inventory.adapters.http_bodies import (
    CorrectionBody,
    CountBody,
    LevelBody,
    ReceiptBody,
    ReorderPointBody,
    level_to_body,
)
from inventory.adapters.http_refusals import (
    CORRECTION_EXCEEDS_STOCK,
    DELIVERY_ALREADY_RECEIVED,
)
from inventory.adapters.known_by_now import known_by_now
from inventory.adapters.services import InventoryServices
from inventory.application import commands, handlers
from inventory.domain.value_objects import (
    Count,
    CountedBy,
    DeliveryNote,
    Difference,
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
    receipt, reorder_point = Body(ReceiptBody), Body(ReorderPointBody)

    @api.route(
        "POST",
        "/stock/<sku>/receipts",
        summary="Receive pieces",
        body=receipt,
        conditional=True,
        consistent=services.stock.sources,
        idempotent=True,
        problems=(UNKNOWN_SKU, DELIVERY_ALREADY_RECEIVED),
        success=_success("They are on the shelf."),
    )
    def receive_stock(sku: str) -> Response:
        """With a `reference`, that of the delivery note, they are booked once for good.

        Pieces of a discontinued product are received as well.
        """
        asked = receipt.read()
        command = commands.ReceiveStock(
            sku=known(sku),
            quantity=Quantity(asked.quantity),
            at=services.clock(),
            reference=None
            if asked.reference is None
            else DeliveryNote(asked.reference),
            expected_version=expected_version(),
        )
        return perform(handlers.receive_stock, command, _level)

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
        """Nothing is ordered: the listing and an event tell when stock is low."""
        command = commands.SetReorderPoint(
            sku=known(sku),
            reorder_point=ReorderPoint(reorder_point.read().pieces),
            expected_version=expected_version(),
        )
        return perform(handlers.set_reorder_point, command, _level)


def add_truth(api: Api, services: InventoryServices) -> None:
    """What people find on the shelf, whatever the book says."""
    perform = Commands("inventory", services.writer, services.clock).perform
    known = partial(known_by_now, services)
    count, correction = Body(CountBody), Body(CorrectionBody)

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
        """What was counted is on hand now, whatever was known before.

        If more is held than was found, the newest reservations are released until the
        rest fits.
        """
        counted = count.read()
        command = commands.CountStock(
            sku=known(sku),
            counted=Count(counted.on_hand),
            reason=Reason(counted.reason),
            at=services.clock(),
            counted_by=None
            if counted.counted_by is None
            else CountedBy(counted.counted_by),
            expected_version=expected_version(),
        )
        return perform(handlers.count_stock, command, _level)

    @api.route(
        "POST",
        "/stock/<sku>/corrections",
        summary="Book pieces that are missing or were found",
        body=correction,
        conditional=True,
        consistent=services.stock.sources,
        idempotent=True,
        problems=(UNKNOWN_SKU, CORRECTION_EXCEEDS_STOCK),
        success=_success("Reservations that no longer fit are released."),
    )
    def correct_stock(sku: str) -> Response:
        """By a difference: pieces broke, were lost or were found, without a count.

        If more is held than is left, the newest reservations are released until the
        rest fits.
        """
        asked = correction.read()
        command = commands.CorrectStock(
            sku=known(sku),
            difference=Difference(asked.difference),
            reason=Reason(asked.reason),
            expected_version=expected_version(),
        )
        return perform(handlers.correct_stock, command, _level)


def _success(description: str) -> Success:
    return Success(description=description, kind=LevelBody, headers=CHANGED_HEADERS)


def _level(level: StockLevel) -> Answer:
    return changed(level_to_body(level), level.version)
