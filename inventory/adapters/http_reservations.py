"""Reservations over HTTP: what orders hold, ship and return."""

from datetime import timedelta
from functools import partial

from flask import Response

from inventory.adapters.http_bodies import (
    HoldBody,
    ReservationBody,
    ReturnBody,
    ShipmentBody,
    hold_to_body,
)
from inventory.adapters.http_refusals import (
    INSUFFICIENT_STOCK,
    ORDER_ALREADY_SHIPPED,
    RETURN_EXCEEDS_SHIPMENT,
    SHIPMENT_EXCEEDS_RESERVATION,
    UNKNOWN_RESERVATION,
    UNKNOWN_SHIPMENT,
)
from inventory.adapters.known_by_now import known_by_now
from inventory.adapters.services import InventoryServices
from inventory.application import commands, handlers
from inventory.domain.value_objects import Hold, OrderReference, Quantity, Reason
from shared_kernel.web.bodies import Body
from shared_kernel.web.commands import CHANGED_HEADERS, Answer, Commands, changed
from shared_kernel.web.preconditions import expected_version
from shared_kernel.web.problems import UNKNOWN_SKU
from shared_kernel.web.routes import Api, Success


def add_holding(api: Api, services: InventoryServices) -> None:
    perform = Commands("inventory", services.writer, services.clock).perform
    known = partial(known_by_now, services)
    reservation = Body(ReservationBody)
    default_hold = timedelta(minutes=services.reservation_minutes)

    @api.route(
        "PUT",
        "/stock/<sku>/reservations/<order>",
        summary="Reserve pieces for an order, or change what it holds",
        body=reservation,
        conditional=True,
        consistent=services.stock.sources,
        problems=(
            UNKNOWN_SKU,
            INSUFFICIENT_STOCK,
            ORDER_ALREADY_SHIPPED,
        ),
        success=_success("They are held until they ship or the time is over."),
    )
    def reserve_stock(sku: str, order: str) -> Response:
        """Again with another quantity, that is what the order holds in all.

        The later of two ends holds. More than is available is refused, and what the
        order held before stays.
        """
        asked = reservation.read()
        hold = (
            default_hold
            if asked.hold_seconds is None
            else timedelta(seconds=asked.hold_seconds)
        )
        now = services.clock()
        command = commands.ReserveStock(
            sku=known(sku),
            order=OrderReference(order),
            quantity=Quantity(asked.quantity),
            at=now,
            until=now + hold,
            lengthens=asked.hold_seconds is not None,
            expected_version=expected_version(),
        )
        return perform(handlers.reserve_stock, command, _hold)


def add_ending(api: Api, services: InventoryServices) -> None:
    """Pieces that are held ship, and may come back, or they are released."""
    perform = Commands("inventory", services.writer, services.clock).perform
    known = partial(known_by_now, services)
    shipment, returned = Body(ShipmentBody, required=False), Body(ReturnBody)

    @api.route(
        "POST",
        "/stock/<sku>/reservations/<order>/shipment",
        summary="Ship what an order holds, or a part of it",
        body=shipment,
        conditional=True,
        consistent=services.stock.sources,
        idempotent=True,
        problems=(
            UNKNOWN_SKU,
            UNKNOWN_RESERVATION,
            SHIPMENT_EXCEEDS_RESERVATION,
            ORDER_ALREADY_SHIPPED,
        ),
        success=_success("They have left the shelf; the rest stays held."),
    )
    def ship_stock(sku: str, order: str) -> Response:
        """Without `quantity`, all that it holds. What has shipped is not on hand."""
        asked = shipment.read().quantity
        command = commands.ShipStock(
            sku=known(sku),
            order=OrderReference(order),
            at=services.clock(),
            quantity=None if asked is None else Quantity(asked),
            expected_version=expected_version(),
        )
        return perform(handlers.ship_stock, command, _hold)

    @api.route(
        "POST",
        "/stock/<sku>/reservations/<order>/returns",
        summary="Take back pieces that an order has shipped",
        body=returned,
        conditional=True,
        consistent=services.stock.sources,
        idempotent=True,
        problems=(UNKNOWN_SKU, UNKNOWN_SHIPMENT, RETURN_EXCEEDS_SHIPMENT),
        success=_success("They are on the shelf again."),
    )
    def take_back_stock(sku: str, order: str) -> Response:
        """No more than it has shipped, less what came back already."""
        asked = returned.read()
        command = commands.TakeBackStock(
            sku=known(sku),
            order=OrderReference(order),
            quantity=Quantity(asked.quantity),
            reason=None if asked.reason is None else Reason(asked.reason),
            expected_version=expected_version(),
        )
        return perform(handlers.take_back_stock, command, _hold)

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
        """The pieces are available again. Releasing nothing is not an error."""
        command = commands.ReleaseStock(
            sku=known(sku),
            order=OrderReference(order),
            at=services.clock(),
            expected_version=expected_version(),
        )
        return perform(handlers.release_stock, command, _hold)


def _success(description: str) -> Success:
    return Success(description=description, kind=HoldBody, headers=CHANGED_HEADERS)


def _hold(hold: Hold) -> Answer:
    return changed(hold_to_body(hold), hold.level.version)
