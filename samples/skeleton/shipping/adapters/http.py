"""The routes of shipping. Rules: `features/shipping`; protocol: RFC 9110, RFC 9457."""

from functools import partial
from typing import Annotated

import attrs
import msgspec
from flask import Response

from shared_kernel.domain.errors import DomainError
from shared_kernel.domain.sku import SKU_SCHEMA, Sku
from shared_kernel.web.bodies import Body
from shared_kernel.web.commands import CHANGED_HEADERS, Answer, Commands, changed
from shared_kernel.web.parameters import integer, read_query
from shared_kernel.web.problems import ProblemKind, kind
from shared_kernel.web.reading import next_link, wait_until_visible
from shared_kernel.web.routes import Api, Success
from shipping.adapters.services import ShippingServices
from shipping.application.commands import OpenParcel
from shipping.application.handlers import open_parcel
from shipping.domain.errors import ParcelAlreadyOpened, ProductNotSold
from shipping.domain.value_objects import REFERENCE_PATTERN, ParcelReference
from shipping.read_model import parcel_list
from shipping.read_model.parcel_list import ListedParcel

PRODUCT_NOT_SOLD = kind(
    "product-not-sold",
    409,
    "The product is not sold",
    "It is not in the catalog, or it is discontinued.",
)
PARCEL_ALREADY_OPENED = kind(
    "parcel-already-opened",
    409,
    "The parcel is for another product",
    "Use another reference, or the product in `sku`.",
)
SHIPPING_REFUSALS: dict[type[DomainError], ProblemKind] = {
    ProductNotSold: PRODUCT_NOT_SOLD,
    ParcelAlreadyOpened: PARCEL_ALREADY_OPENED,
}

ABOUT = "Parcels, each of them for one product."

_PAGE = (
    integer("limit", "The maximum number of parcels on a page.", 1, 1000, default=100),
    integer("cursor", "Where the page begins: follow `Link`.", 0, 2**63 - 1),
)
_REFERENCE = {"type": "string", "pattern": REFERENCE_PATTERN, "examples": ["PARCEL-1"]}


@attrs.frozen(kw_only=True)
class OpenParcelBody:
    """The product that the parcel is for."""

    sku: Annotated[
        str,
        msgspec.Meta(extra_json_schema=SKU_SCHEMA),
    ]


class ParcelOpenedBody(msgspec.Struct, frozen=True, kw_only=True):
    """The parcel, and its version."""

    reference: str
    version: int


def shipping_api(services: ShippingServices) -> Api:
    api = Api("shipping", {"reference": _REFERENCE}, SHIPPING_REFUSALS, about=ABOUT)
    add_opening(api, services)
    add_list(api, services)
    return api


def add_opening(api: Api, services: ShippingServices) -> None:
    perform = Commands("shipping", services.writer, services.clock).perform
    body = Body(OpenParcelBody)

    @api.route(
        "PUT",
        "/parcels/<reference>",
        summary="Open a parcel",
        body=body,
        consistent=services.products.sources,
        problems=(PRODUCT_NOT_SOLD, PARCEL_ALREADY_OPENED),
        success=Success(
            description="The parcel is open.",
            kind=ParcelOpenedBody,
            headers=CHANGED_HEADERS,
        ),
    )
    def put_parcel(reference: str) -> Response:
        """Again for the same product changes nothing; for another, it is refused."""
        wait_until_visible(services.products, services.consistency_timeout_ms)
        command = OpenParcel(
            reference=ParcelReference(reference), sku=Sku(body.read().sku)
        )
        return perform(open_parcel, command, partial(_opened, reference))


def add_list(api: Api, services: ShippingServices) -> None:
    @api.route(
        "GET",
        "/parcels",
        summary="List the parcels",
        parameters=_PAGE,
        consistent=services.parcels.sources,
        success=Success(
            description="The newest ones first.",
            kind=list[ListedParcel],
            headers={"Link": "The next page, if there is one."},
        ),
    )
    def list_parcels() -> Response:
        """It may be some milliseconds behind a change.

        With the `Consistency-Token` that the change answered, it shows the change.
        """
        asked = read_query(_PAGE)
        wait_until_visible(services.parcels, services.consistency_timeout_ms)
        before = asked["cursor"] if asked["cursor"] is not None else 2**63 - 1
        with services.read_database.reading() as connection:
            page = parcel_list.page(connection, before, asked["limit"])
        link = (
            None
            if page.next_before is None
            else next_link(**asked | {"cursor": page.next_before})
        )
        return Response(page.body, headers=link, content_type="application/json")


def _opened(reference: str, version: int) -> Answer:
    return changed(ParcelOpenedBody(reference=reference, version=version), version)
