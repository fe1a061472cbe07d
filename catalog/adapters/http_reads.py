"""The product listing over HTTP, and single products."""

from collections.abc import Collection

import msgspec
from flask import Response, request

from catalog.adapters.http_bodies import ShownProduct
from catalog.adapters.http_refusals import known_sku
from catalog.adapters.listing_csv import MEDIA_TYPE, page_as_csv
from catalog.adapters.listing_pages import ListingPages
from catalog.adapters.services import QueryServices
from catalog.domain.errors import UnknownProduct
from catalog.read_model import listing_queries
from catalog.read_model.product_listing import AVAILABILITIES, ListedProduct
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
from shared_kernel.web.ready_response import ReadyResponse
from shared_kernel.web.routes import Api, Success

_LIMIT = integer("limit", "How many at the most.", 1, 1000, default=100)
_CURSOR = integer("cursor", "Where to go on: follow `Link`.", 0, 2**63 - 1, default=0)
_AVAILABILITY = Parameter(
    name="availability",
    description="Only products of this availability.",
    schema={"type": "string", "enum": list(AVAILABILITIES)},
)
_Q = Parameter(
    name="q",
    description="Only products with all these words, or parts of words, in their name "
    "or SKU: in any case, with or without accents.",
    schema={"type": "string", "minLength": 1, "maxLength": 200},
)
_SKU = Parameter(
    name="sku",
    description="Only the product of this SKU; several of them, each as a `sku`, "
    "answer those products in this order, discontinued ones included. Not together "
    "with other parameters.",
    schema={"type": "string", "minLength": 1, "maxLength": LONGEST_SKU},
    most=100,
)
_PAGE = (_LIMIT, _CURSOR, _AVAILABILITY, _Q, _SKU)
_STOCK = Parameter(
    name="stock",
    description="`exact`: with the quantity available, asked of inventory as of now.",
    schema={"type": "string", "enum": ["exact"]},
)


def add_listing(api: Api, services: QueryServices) -> None:
    timeout_ms = services.consistency_timeout_ms
    pages = ListingPages(services.database)

    @api.route(
        "GET",
        "/products",
        "/product",
        summary="List the products on sale",
        peers=True,
        parameters=_PAGE,
        consistent=services.reader.sources,
        success=Success(
            description="Products in the order of their registration; as CSV, if "
            "that is preferred, a page at a time as well. Of more than 100,000 "
            "products, with a short `q`, a page may have few, even none, though there "
            "is a next one.",
            kind=list[ListedProduct],
            also=(MEDIA_TYPE,),
            headers={"Link": "The next page, if there is one."},
        ),
    )
    def list_products() -> Response:
        """It may be some milliseconds behind a change.

        With the `Consistency-Token` that the change answered, it shows the change.
        """
        asked = read_query(_PAGE)
        skus = asked.pop("sku")
        if skus is not None:
            _refuse_beside_skus(request.args)
        wait_until_visible(services.reader, timeout_ms)
        page = (
            pages.page(
                asked["cursor"], asked["limit"], asked["availability"], asked["q"]
            )
            if skus is None
            else pages.named([sku.code for sku in skus_named(skus).values()])
        )
        headers = (
            None
            if page.next_after is None
            else next_link(**asked | {"cursor": page.next_after})
        )
        if rather_than_json(MEDIA_TYPE):
            return Response(
                page_as_csv(page.body),
                headers=headers,
                content_type=f"{MEDIA_TYPE}; charset=utf-8",
            )
        return ReadyResponse(
            page.body, headers=headers, content_type="application/json"
        )


def _refuse_beside_skus(given: Collection[str]) -> None:
    """Raises Problem: to page or to filter what was named would leave some out."""
    others = [name for name in given if name != _SKU.name]
    if others:
        raise invalid([fault_of(name, "cannot go with sku") for name in others])


def add_product(api: Api, services: QueryServices) -> None:
    timeout_ms = services.consistency_timeout_ms

    @api.route(
        "GET",
        "/products/<sku>",
        summary="Show one product",
        parameters=(_STOCK,),
        consistent=services.reader.sources,
        # Availability and stock change without the product's version.
        tagged=False,
        problems=(UNKNOWN_SKU,),
        success=Success(
            description="The product, discontinued ones included.",
            kind=ShownProduct,
            headers={"ETag": "The product's version, for `If-Match`."},
        ),
    )
    def show_product(sku: str) -> Response:
        """As it is listed, also when it is discontinued and no longer listed."""
        exact = read_query((_STOCK,))["stock"] is not None
        wait_until_visible(services.reader, timeout_ms)
        known = known_sku(sku)
        with services.database.reading() as connection:
            listed = listing_queries.one(connection, known.code)
            if listed is None:
                same = listing_queries.same_code(connection, known.code)
                raise UnknownProduct(sku=known.code, registered_sku=same)
        body = listed.body
        if exact:
            body = _with_stock(body, services.stock_levels.available(known))
        headers = {"ETag": f'"{listed.version}"', "Cache-Control": "no-store"}
        return ReadyResponse(body, headers=headers, content_type="application/json")


def _with_stock(body: bytes, available: int | None) -> bytes:
    return b'%b,"stock":%b}' % (body[:-1], msgspec.json.encode(available))
