"""The catalog's commands over HTTP: registering and changing products."""

from collections.abc import Callable, Mapping
from functools import partial

import attrs
from flask import Response

from catalog.adapters.http_bodies import (
    DescriptionBody,
    NameBody,
    PriceBody,
    ProductVersion,
    RegisterBody,
    command_from,
    description_of,
    price_of,
)
from catalog.adapters.http_imports import ACCEPTED, accepted
from catalog.adapters.http_refusals import (
    PRODUCT_IS_DISCONTINUED,
    SKU_ALREADY_REGISTERED,
    known_sku,
)
from catalog.adapters.imports.import_state import ImportState
from catalog.adapters.imports.product_imports import ProductImports, ReceivedOne
from catalog.adapters.services import CommandServices, SqlCatalogUnitOfWork
from catalog.application import commands, handlers
from catalog.domain.value_objects import ProductName
from shared_kernel.domain.sku import Sku
from shared_kernel.web.bodies import Body
from shared_kernel.web.commands import CHANGED_HEADERS, Answer, Commands, changed
from shared_kernel.web.parameters import prefers
from shared_kernel.web.preconditions import expected_version
from shared_kernel.web.problems import UNKNOWN_SKU
from shared_kernel.web.routes import Api, Success, in_path


def add_registration(api: Api, services: CommandServices) -> None:
    perform = Commands("catalog", services.writer, services.clock).perform
    body = Body(RegisterBody)

    @api.route(
        "POST",
        "/products",
        "/product",
        summary="Register a product",
        body=body,
        idempotent=True,
        later=ACCEPTED,
        problems=(SKU_ALREADY_REGISTERED,),
        success=Success(
            status=201,
            description="Registered. Inventory opens its stock.",
            kind=ProductVersion,
            headers={"Location": "Where the product is.", **CHANGED_HEADERS},
        ),
    )
    def register_product() -> Response:
        """A SKU is registered once; inventory opens its stock shortly after.

        With `Prefer: respond-async` it is stored now, and registered by workers.
        """
        asked = body.read()
        if prefers("respond-async"):
            return _register_later(perform, services.imports, asked)
        command = command_from(asked)
        where = {"Location": f"/products/{in_path(command.sku.code)}"}
        return perform(
            handlers.register_product,
            command,
            lambda version: _changed(command.sku, version, 201, where),
        )


def _register_later(
    perform: Callable[..., Response], imports: ProductImports, asked: RegisterBody
) -> Response:
    """Answer when it is stored: workers register it."""
    price = asked.price
    values = {
        "sku": asked.sku,
        "name": asked.name,
        "description": asked.description,
        "price_minor_units": price and price.minor_units,
        "price_currency": price and price.currency,
        "stock_count": asked.stock_count,
    }

    received: list[ReceivedOne] = []

    def store(
        command: commands.RegisterProduct, work: SqlCatalogUnitOfWork
    ) -> ImportState:
        work.route_words.check("sku", command.sku.code)
        # Of several attempts the last one counts.
        received[:] = [imports.receive_one(work.connection, values, work.traceparent)]
        return received[0].state

    # What a value object refuses is refused now.
    response = perform(store, command_from(asked), _as_preferred)
    for each in received:
        imports.wake(each)
    return response


def _as_preferred(state: ImportState) -> Answer:
    answer, applied = accepted(state), {"Preference-Applied": "respond-async"}
    return attrs.evolve(answer, headers={**answer.headers, **applied})


def add_changes(api: Api, services: CommandServices) -> None:
    perform = Commands("catalog", services.writer, services.clock).perform
    name_body, description_body = Body(NameBody), Body(DescriptionBody)
    price_body = Body(PriceBody)
    success = Success(
        description="It is so now.", kind=ProductVersion, headers=CHANGED_HEADERS
    )

    @api.route(
        "PUT",
        "/products/<sku>/name",
        summary="Rename a product",
        body=name_body,
        conditional=True,
        problems=(UNKNOWN_SKU, PRODUCT_IS_DISCONTINUED),
        success=success,
    )
    def rename_product(sku: str) -> Response:
        """The name that it has already changes nothing, its version neither."""
        command = commands.RenameProduct(
            sku=known_sku(sku),
            name=ProductName(name_body.read().name),
            expected_version=expected_version(),
        )
        return perform(handlers.rename_product, command, partial(_changed, command.sku))

    @api.route(
        "PUT",
        "/products/<sku>/description",
        summary="Describe a product",
        body=description_body,
        conditional=True,
        problems=(UNKNOWN_SKU, PRODUCT_IS_DISCONTINUED),
        success=success,
    )
    def describe_product(sku: str) -> Response:
        """`null` takes the description away.

        The description that it has already changes nothing, its version neither.
        """
        command = commands.DescribeProduct(
            sku=known_sku(sku),
            description=description_of(description_body.read().description),
            expected_version=expected_version(),
        )
        return perform(
            handlers.describe_product, command, partial(_changed, command.sku)
        )

    @api.route(
        "PUT",
        "/products/<sku>/price",
        summary="Reprice a product",
        body=price_body,
        conditional=True,
        problems=(UNKNOWN_SKU, PRODUCT_IS_DISCONTINUED),
        success=success,
    )
    def reprice_product(sku: str) -> Response:
        """The price that it has already changes nothing, its version neither."""
        command = commands.RepriceProduct(
            sku=known_sku(sku),
            price=price_of(price_body.read()),
            expected_version=expected_version(),
        )
        return perform(
            handlers.reprice_product, command, partial(_changed, command.sku)
        )

    @api.route(
        "POST",
        "/products/<sku>/discontinue",
        summary="Discontinue a product",
        conditional=True,
        idempotent=True,
        problems=(UNKNOWN_SKU,),
        success=success,
    )
    def discontinue_product(sku: str) -> Response:
        """It is no longer listed; what is left of it can still be reserved and shipped.

        Until it is relisted, other changes are refused. One that is discontinued stays
        so.
        """
        command = commands.DiscontinueProduct(
            sku=known_sku(sku), expected_version=expected_version()
        )
        return perform(
            handlers.discontinue_product, command, partial(_changed, command.sku)
        )

    @api.route(
        "POST",
        "/products/<sku>/relist",
        summary="Relist a discontinued product",
        conditional=True,
        idempotent=True,
        problems=(UNKNOWN_SKU,),
        success=success,
    )
    def relist_product(sku: str) -> Response:
        """It is listed and can be changed again. One that is listed stays so."""
        command = commands.RelistProduct(
            sku=known_sku(sku), expected_version=expected_version()
        )
        return perform(handlers.relist_product, command, partial(_changed, command.sku))


def _changed(
    sku: Sku, version: int, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    return changed(
        ProductVersion(sku=sku.code, version=version), version, status, headers
    )
