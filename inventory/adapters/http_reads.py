"""Stock levels over HTTP, exact as of now, and stock movements."""

from typing import Any

import msgspec
from flask import Response

from inventory.adapters.http_bodies import (
    LevelBody,
    level_to_body,
)
from inventory.adapters.http_refusals import known_sku
from inventory.adapters.repository import SqlStockItemRepository
from inventory.adapters.services import InventoryServices
from inventory.domain.value_objects import StockLevel
from inventory.read_model import stock_movements
from shared_kernel.web.parameters import integer, read_query
from shared_kernel.web.problems import UNKNOWN_SKU
from shared_kernel.web.reading import next_link, wait_until_visible
from shared_kernel.web.routes import Api, Success

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
        # And what is particular to its kind.
        "order": {"type": "string"},
        "pieces": {"type": "integer"},
        "until": {"type": "string", "format": "date-time"},
        "reason": {"type": ["string", "null"]},
        "reference": {"type": ["string", "null"]},
        "difference": {"type": ["integer", "null"]},
        "counted_by": {"type": ["string", "null"]},
        "released": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["order", "pieces"],
                "properties": {
                    "order": {"type": "string"},
                    "pieces": {"type": ["integer", "null"]},
                },
            },
        },
        # Of counts that an earlier version has recorded and projected.
        "released_orders": {"type": "array", "items": {"type": "string"}},
    },
}


def add_levels(api: Api, services: InventoryServices) -> None:
    timeout_ms = services.consistency_timeout_ms

    def level(sku: str) -> StockLevel:
        wait_until_visible(services.stock, timeout_ms)
        with services.database.reading() as connection:
            return SqlStockItemRepository(connection).get(known_sku(sku)).level

    @api.route(
        "GET",
        "/stock/<sku>",
        summary="Show a stock item's level",
        consistent=services.stock.sources,
        problems=(UNKNOWN_SKU,),
        success=Success(
            description="Exact, as of now.",
            kind=LevelBody,
            headers={"ETag": "The stock item's version, for `If-Match`."},
        ),
    )
    def show_level(sku: str) -> Response:
        """Its numbers, and when it was last counted."""
        read_query(())
        found = level(sku)
        return _json(level_to_body(found), {"ETag": f'"{found.version}"'})


def add_movements(api: Api, services: InventoryServices) -> None:
    timeout_ms = services.consistency_timeout_ms

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
        """Everything that changed its numbers, with the numbers after that."""
        asked = read_query(_MOVEMENTS)
        wait_until_visible(services.movements, timeout_ms)
        before = 2**63 - 1 if asked["cursor"] is None else asked["cursor"]
        known = known_sku(sku)
        with services.database.reading() as connection:
            SqlStockItemRepository(connection).get(known)
        with services.read_database.reading() as connection:
            page = stock_movements.page(connection, known.code, before, asked["limit"])
        link = (
            None
            if page.next_before is None
            else next_link(**asked | {"cursor": page.next_before})
        )
        return Response(page.body, headers=link, content_type="application/json")


def _json(body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(body), headers=headers, content_type="application/json"
    )
