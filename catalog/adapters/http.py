"""The catalog over HTTP. Rules: `features/catalog`; form: RFC 9110 and RFC 9457."""

from collections.abc import Mapping
from functools import partial

import msgspec
from flask import Response

from catalog.adapters.http_bodies import (
    DescriptionBody,
    NameBody,
    PriceBody,
    ProductVersion,
    RegisterBody,
    description_of,
    price_of,
)
from catalog.adapters.listing_pages import ListingPages
from catalog.adapters.services import CatalogServices
from catalog.application import commands, handlers
from catalog.domain.errors import (
    ProductIsDiscontinued,
    SkuAlreadyRegistered,
    UnknownProduct,
)
from catalog.domain.value_objects import OpeningStock, ProductName
from catalog.read_model import listing_queries
from catalog.read_model.product_listing import ListedProduct
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
from shared_kernel.adapters.web.ready_response import ReadyResponse
from shared_kernel.adapters.web.routes import Api, Success
from shared_kernel.domain.errors import DomainError, InvalidValue
from shared_kernel.domain.sku import SKU_PATTERN, Sku

SKU_ALREADY_REGISTERED = kind(
    "sku-already-registered",
    409,
    "The SKU is taken",
    "A product is registered once. `as_given` tells whether it is the same product.",
)
PRODUCT_IS_DISCONTINUED = kind(
    "product-is-discontinued",
    409,
    "The product is discontinued",
    "A discontinued product can only be relisted.",
)

CATALOG_REFUSALS: dict[type[DomainError], ProblemKind] = {
    UnknownProduct: UNKNOWN_SKU,
    SkuAlreadyRegistered: SKU_ALREADY_REGISTERED,
    ProductIsDiscontinued: PRODUCT_IS_DISCONTINUED,
}

_WRITTEN = {
    "ETag": "The product's version, for `If-Match`.",
    "Consistency-Token": "For reads that must show this change.",
}
_LIMIT = integer("limit", "How many at the most.", 1, 1000, default=100)
_CURSOR = integer("cursor", "Where to go on: follow `Link`.", 0, 2**63 - 1, default=0)
_AVAILABILITY = Parameter(
    name="availability",
    description="Only products of this availability.",
    schema={
        "type": "string",
        "enum": ["in_stock", "low", "out_of_stock", "retired", "unknown"],
    },
)
_Q = Parameter(
    name="q",
    description="Only products with this text in their name or SKU.",
    schema={"type": "string", "minLength": 1, "maxLength": 200},
)
_PAGE = (_LIMIT, _CURSOR, _AVAILABILITY, _Q)


def catalog_api(services: CatalogServices) -> Api:
    api = Api(
        "catalog",
        {
            "sku": {
                "type": "string",
                "pattern": SKU_PATTERN,
                "examples": ["LAMP-0001"],
            }
        },
        CATALOG_REFUSALS,
    )
    _add_registration(api, services)
    _add_changes(api, services)
    _add_listing(api, services)
    return api


def _add_registration(api: Api, services: CatalogServices) -> None:
    perform = Commands("catalog", services.writer, services.clock).perform
    body = Body(RegisterBody)

    @api.route(
        "POST",
        "/products",
        "/product",
        summary="Register a product",
        body=body,
        idempotent=True,
        problems=(SKU_ALREADY_REGISTERED,),
        success=Success(
            status=201,
            description="Registered. Inventory opens its stock.",
            kind=ProductVersion,
            headers={"Location": "Where the product is.", **_WRITTEN},
        ),
    )
    def register_product() -> Response:
        asked = body.read()
        command = commands.RegisterProduct(
            sku=Sku(asked.sku),
            name=ProductName(asked.name),
            description=description_of(asked.description),
            price=price_of(asked.price),
            opening_stock=OpeningStock(asked.stock_count),
        )
        return perform(
            handlers.register_product,
            command,
            lambda version: _written(
                asked.sku, version, 201, {"Location": f"/products/{asked.sku}"}
            ),
        )


def _add_changes(api: Api, services: CatalogServices) -> None:
    perform = Commands("catalog", services.writer, services.clock).perform
    name_body, description_body = Body(NameBody), Body(DescriptionBody)
    price_body = Body(PriceBody)
    changed = Success(
        description="It is so now.", kind=ProductVersion, headers=_WRITTEN
    )

    @api.route(
        "PUT",
        "/products/<sku>/name",
        summary="Rename a product",
        body=name_body,
        conditional=True,
        problems=(UNKNOWN_SKU, PRODUCT_IS_DISCONTINUED),
        success=changed,
    )
    def rename_product(sku: str) -> Response:
        command = commands.RenameProduct(
            sku=_known(sku),
            name=ProductName(name_body.read().name),
            expected_version=expected_version(),
        )
        return perform(handlers.rename_product, command, partial(_written, sku))

    @api.route(
        "PUT",
        "/products/<sku>/description",
        summary="Describe a product",
        body=description_body,
        conditional=True,
        problems=(UNKNOWN_SKU, PRODUCT_IS_DISCONTINUED),
        success=changed,
    )
    def describe_product(sku: str) -> Response:
        command = commands.DescribeProduct(
            sku=_known(sku),
            description=description_of(description_body.read().description),
            expected_version=expected_version(),
        )
        return perform(handlers.describe_product, command, partial(_written, sku))

    @api.route(
        "PUT",
        "/products/<sku>/price",
        summary="Reprice a product",
        body=price_body,
        conditional=True,
        problems=(UNKNOWN_SKU, PRODUCT_IS_DISCONTINUED),
        success=changed,
    )
    def reprice_product(sku: str) -> Response:
        command = commands.RepriceProduct(
            sku=_known(sku),
            price=price_of(price_body.read()),
            expected_version=expected_version(),
        )
        return perform(handlers.reprice_product, command, partial(_written, sku))

    @api.route(
        "POST",
        "/products/<sku>/discontinue",
        summary="Discontinue a product",
        conditional=True,
        idempotent=True,
        problems=(UNKNOWN_SKU,),
        success=changed,
    )
    def discontinue_product(sku: str) -> Response:
        command = commands.DiscontinueProduct(
            sku=_known(sku), expected_version=expected_version()
        )
        return perform(handlers.discontinue_product, command, partial(_written, sku))

    @api.route(
        "POST",
        "/products/<sku>/relist",
        summary="Relist a discontinued product",
        conditional=True,
        idempotent=True,
        problems=(UNKNOWN_SKU,),
        success=changed,
    )
    def relist_product(sku: str) -> Response:
        command = commands.RelistProduct(
            sku=_known(sku), expected_version=expected_version()
        )
        return perform(handlers.relist_product, command, partial(_written, sku))


def _add_listing(api: Api, services: CatalogServices) -> None:
    timeout_ms = services.settings.consistency_timeout_ms
    pages = ListingPages(services.read_database)

    @api.route(
        "GET",
        "/products",
        "/product",
        summary="List the products on sale",
        parameters=_PAGE,
        consistent=services.reader.sources,
        success=Success(
            description="Products in the order of their registration.",
            kind=list[ListedProduct],
            headers={"Link": "The next page, if there is one."},
        ),
    )
    def list_products() -> Response:
        asked = read_query(_PAGE)
        wait_until_visible(services.reader, timeout_ms)
        page = pages.page(
            asked["cursor"], asked["limit"], asked["availability"], asked["q"]
        )
        headers = (
            None
            if page.next_after is None
            else next_link(**asked | {"cursor": page.next_after})
        )
        return ReadyResponse(
            page.body, headers=headers, content_type="application/json"
        )

    @api.route(
        "GET",
        "/products/<sku>",
        summary="Show one product",
        consistent=services.reader.sources,
        problems=(UNKNOWN_SKU,),
        success=Success(
            description="The product, discontinued ones included.",
            kind=ListedProduct,
            headers={"ETag": _WRITTEN["ETag"]},
        ),
    )
    def show_product(sku: str) -> Response:
        read_query(())
        wait_until_visible(services.reader, timeout_ms)
        with services.read_database.reading() as connection:
            listed = listing_queries.one(connection, sku)
        if listed is None:
            raise UnknownProduct(sku=sku)
        etag = {"ETag": f'"{listed.version}"'}
        return ReadyResponse(listed.body, headers=etag, content_type="application/json")


def _known(sku: str) -> Sku:
    """What cannot be a SKU is not that of any product. Raises UnknownProduct."""
    try:
        return Sku(sku)
    except InvalidValue:
        raise UnknownProduct(sku=sku) from None


def _written(
    sku: str, version: int, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    return Answer(
        status=status,
        body=msgspec.json.encode(ProductVersion(sku=sku, version=version)),
        headers={"ETag": f'"{version}"', **(headers or {})},
    )
