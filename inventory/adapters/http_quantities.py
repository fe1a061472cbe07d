"""Available quantities over HTTP: of one stock item, of several, or of all by pages."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from flask import Response, request

from inventory.adapters import export_stock
from inventory.adapters.http_bodies import QuantityBody, QuantityOfBody
from inventory.adapters.http_refusals import known_sku
from inventory.adapters.repository import SqlStockItemRepository
from inventory.adapters.services import InventoryServices
from shared_kernel.domain.sku import LONGEST_SKU
from shared_kernel.web.parameters import (
    Parameter,
    fault_of,
    integer,
    invalid,
    read_query,
    skus_named,
)
from shared_kernel.web.problems import UNKNOWN_SKU
from shared_kernel.web.reading import next_link, rather_than_json, wait_until_visible
from shared_kernel.web.routes import Api, Success

MOST_IDS = 100
CSV = "text/csv"
_ID = Parameter(
    name="id",
    description="The SKU; several of them, each as an `id`, answer a list. Without it, "
    "all stock items are answered, a page at a time.",
    most=MOST_IDS,
    schema={
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_SKU,
        "examples": ["LAMP-0001"],
    },
)
_LIMIT = integer("limit", "How many at the most.", 1, 1000, default=100)
_CURSOR = Parameter(
    name="cursor",
    description="Where to go on: follow `Link`.",
    schema={"type": "string", "minLength": 1, "maxLength": LONGEST_SKU},
)
_ASKED = (_ID, _LIMIT, _CURSOR)
_NONE: Mapping[str, str] = {}


def add_quantities(api: Api, services: InventoryServices) -> None:
    timeout_ms = services.consistency_timeout_ms

    @api.route(
        "GET",
        "/stock",
        summary="Tell the available quantity",
        peers=True,
        parameters=_ASKED,
        consistent=services.stock.sources,
        problems=(UNKNOWN_SKU,),
        success=Success(
            description="Exact, as of now. Of several, in the order asked for; null "
            "for a SKU that is not known. As CSV, if that is preferred, with the "
            "columns that `inventory import-counts` reads.",
            kind=QuantityBody | list[QuantityOfBody],
            also=(CSV,),
            headers={"Link": "The next page, if there is one."},
        ),
    )
    def show_quantity() -> Response:
        """What can be reserved now: what is on hand, less what is held for orders."""
        asked = read_query(_ASKED)
        skus = asked["id"]
        if skus is not None:
            _refuse_beside_ids(request.args)
        wait_until_visible(services.stock, timeout_ms)
        if skus is None:
            return _page(services, asked["cursor"] or "", asked["limit"])
        if len(skus) == 1:
            # One that is not known is refused, as that was before there were several.
            with services.database.reading() as connection:
                item = SqlStockItemRepository(connection).get(known_sku(skus[0]))
            if not rather_than_json(CSV):
                return _json(QuantityBody(quantity=item.available))
        return _named(services, skus)


def _page(services: InventoryServices, after: str, limit: int) -> Response:
    with services.database.reading() as connection:
        rows, next_after = export_stock.page(connection, after, limit)
    link = {} if next_after is None else next_link(limit=limit, cursor=next_after)
    if rather_than_json(CSV):
        return _csv(rows, link)
    return _quantities(services, [str(row[0]) for row in rows], link)


def _named(services: InventoryServices, skus: Sequence[str]) -> Response:
    if not rather_than_json(CSV):
        return _quantities(services, skus)
    with services.database.reading() as connection:
        codes = [sku.code for sku in skus_named(skus).values()]
        return _csv(export_stock.named(connection, codes))


def _quantities(
    services: InventoryServices, skus: Sequence[str], link: Mapping[str, str] = _NONE
) -> Response:
    named = skus_named(skus)
    with services.database.reading() as connection:
        available = SqlStockItemRepository(connection).available(named.values())
    found = {text: available.get(sku) for text, sku in named.items()}
    return _json(
        [QuantityOfBody(id=sku, quantity=found.get(sku)) for sku in skus], link
    )


def _refuse_beside_ids(given: Collection[str]) -> None:
    """Raises Problem: what was named is no page."""
    others = [name for name in given if name != _ID.name]
    if others:
        raise invalid([fault_of(name, "cannot go with id") for name in others])


def _csv(
    rows: Sequence[export_stock.StockRow], headers: Mapping[str, str] = _NONE
) -> Response:
    body = export_stock.as_csv(rows)
    return Response(body, headers=headers, content_type=f"{CSV}; charset=utf-8")


def _json(body: object, headers: Mapping[str, str] = _NONE) -> Response:
    encoded = msgspec.json.encode(body)
    return Response(encoded, headers=headers, content_type="application/json")
