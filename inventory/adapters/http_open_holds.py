"""What orders hold of a stock item, over HTTP, exact as of now."""

import msgspec
from flask import Response

from inventory.adapters.http_bodies import HoldBody, hold_to_body
from inventory.adapters.http_refusals import UNKNOWN_RESERVATION, known_sku
from inventory.adapters.open_holds import OpenHold, page
from inventory.adapters.repository import SqlStockItemRepository
from inventory.adapters.services import InventoryServices
from inventory.domain.errors import UnknownReservation
from inventory.domain.value_objects import OrderReference
from shared_kernel.web.parameters import integer, read_query
from shared_kernel.web.problems import UNKNOWN_SKU
from shared_kernel.web.reading import next_link, wait_until_visible
from shared_kernel.web.routes import Api, Success

_PAGE = (
    integer("limit", "How many at the most.", 1, 1000, default=100),
    integer("cursor", "Where to go on: follow `Link`.", 0, 2**63 - 1, default=0),
)


def add_open_holds(api: Api, services: InventoryServices) -> None:
    timeout_ms = services.consistency_timeout_ms

    @api.route(
        "GET",
        "/stock/<sku>/reservations",
        summary="Show what is held, and for which orders",
        parameters=_PAGE,
        consistent=services.stock.sources,
        problems=(UNKNOWN_SKU,),
        success=Success(
            description="In the order in which they were reserved.",
            kind=list[OpenHold],
            headers={"Link": "The next page, if there is one."},
        ),
    )
    def show_reservations(sku: str) -> Response:
        """One for each order that holds pieces, with the time when it ends.

        Then they are held no more, and within a second they are available again.
        """
        asked = read_query(_PAGE)
        wait_until_visible(services.stock, timeout_ms)
        with services.database.reading() as connection:
            SqlStockItemRepository(connection).get(known_sku(sku))
            now = services.clock()
            found = page(connection, sku, now, asked["cursor"], asked["limit"])
        link = (
            None
            if found.next_after is None
            else next_link(**asked | {"cursor": found.next_after})
        )
        body = msgspec.json.encode(found.holds)
        return Response(body, headers=link, content_type="application/json")

    @api.route(
        "GET",
        "/stock/<sku>/reservations/<order>",
        summary="Show what an order holds, and has shipped",
        consistent=services.stock.sources,
        problems=(UNKNOWN_SKU, UNKNOWN_RESERVATION),
        success=Success(
            description="Exact, as of now.",
            kind=HoldBody,
            headers={"ETag": "The stock item's version, for `If-Match`."},
        ),
    )
    def show_reservation(sku: str, order: str) -> Response:
        """Also when all of it has shipped, so that it can be returned."""
        read_query(())
        wait_until_visible(services.stock, timeout_ms)
        reference = OrderReference(order)
        with services.database.reading() as connection:
            item = SqlStockItemRepository(connection).get(known_sku(sku), reference)
        hold = item.hold_of(reference, services.clock())
        if not hold.held and not hold.shipped:
            raise UnknownReservation(sku=sku, order=order)
        return Response(
            msgspec.json.encode(hold_to_body(hold)),
            headers={"ETag": f'"{item.version}"'},
            content_type="application/json",
        )
