"""Composition builds the declared services, and refuses inconsistent declarations."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from flask import Response
from flask.testing import FlaskClient

from app import CONTEXTS, JOINS
from shared_kernel.clock import system_clock
from shared_kernel.domain import foreign_names
from shared_kernel.operations.observation import observe
from shared_kernel.runtime.composition import compose
from shared_kernel.runtime.context import (
    Context,
    DeclaredService,
    Follows,
    Join,
    Need,
    OwnDatabase,
)
from shared_kernel.runtime.running import RunningServices
from shared_kernel.runtime.service_builder import ServiceBuilder
from shared_kernel.runtime.settings import settings_of
from shared_kernel.serving.application import web_application
from shared_kernel.web.peers import Peer
from shared_kernel.web.routes import Api, Success
from tests.databases import Files

ROOT = Path(__file__).parents[3]
LISTS = ROOT / "samples/skeleton/shipping/adapters/migrations/parcels"

PRICES: Need[str] = Need("sales", lambda peer: f"prices at {peer.url}")
DEBTS: Need[str] = Need("billing", lambda peer: f"debts at {peer.url}")


def prices(edges: str) -> str:
    return f"prices of {edges}"


def debts(edges: str) -> str:
    return f"debts of {edges}"


def a_context(
    name: str,
    build: Callable[[ServiceBuilder], str],
    *,
    follows: Sequence[Follows] = (),
    needs: Sequence[Need[Any]] = (),
    offers: Sequence[Callable[[str], object]] = (),
) -> Context:
    return Context(
        name=name,
        address=f"{name.upper()}_URL",
        published={},
        services=(
            DeclaredService(
                name=name,
                build=build,
                databases=(),
                follows=follows,
                needs=needs,
                offers=offers,
                api=lambda edges: Api(f"{name}-{edges}", {}, {}),
            ),
        ),
    )


def composed(
    *contexts: Context,
    joins: Sequence[Join[Any]] = (),
    environment: dict[str, str] | None = None,
) -> RunningServices:
    settings = settings_of(contexts).from_environment(environment or {})
    return compose(settings, joins)


SALES = a_context("sales", lambda builder: "sales", offers=(prices,))
BILLING = a_context(
    "billing", lambda builder: builder.port(PRICES), needs=(PRICES,), offers=(debts,)
)
JOINED = Join(PRICES, prices)


def test_a_port_is_made_from_the_edges_of_the_other_service() -> None:
    storehouse = composed(BILLING, SALES, joins=[JOINED])

    assert [each.name for each in storehouse.services] == ["billing", "sales"]
    assert storehouse.service("billing").api.blueprint.name == "billing-prices of sales"


def test_a_port_uses_http_if_its_service_runs_elsewhere() -> None:
    elsewhere = {"SERVICES": "billing", "BUS_URL": "feed:", "SALES_URL": "http://sales"}

    storehouse = composed(BILLING, SALES, joins=[JOINED], environment=elsewhere)

    (service,) = storehouse.services
    assert service.api.blueprint.name == "billing-prices at http://sales"
    assert isinstance(storehouse.peers["sales"], Peer)


@pytest.mark.parametrize("joins", [[], [Join(PRICES, debts)]])
def test_a_need_without_an_offer_is_refused(joins: list[Join[str]]) -> None:
    with pytest.raises(LookupError, match="billing of billing needs a port of sales"):
        composed(BILLING, SALES, joins=joins)


def test_services_that_need_each_others_ports_are_refused() -> None:
    sales = a_context(
        "sales", lambda builder: builder.port(DEBTS), needs=(DEBTS,), offers=(prices,)
    )

    with pytest.raises(LookupError, match="sales, billing, sales"):
        composed(sales, BILLING, joins=[JOINED, Join(DEBTS, debts)])


def test_an_undeclared_port_is_refused() -> None:
    audit = a_context("audit", lambda builder: builder.port(PRICES))

    with pytest.raises(LookupError, match="audit does not declare that it needs"):
        composed(audit, SALES, joins=[JOINED])


def test_a_context_without_a_log_cannot_be_followed() -> None:
    follows = Follows(subscription="audit.sales", source="sales", pattern="order.>")
    audit = a_context("audit", lambda builder: "audit", follows=(follows,))

    with pytest.raises(LookupError, match="no context 'sales' has a log"):
        composed(SALES, audit)


def test_an_undeclared_log_is_refused() -> None:
    with pytest.raises(LookupError, match="sales declares no database with a log"):
        composed(a_context("sales", lambda builder: str(builder.log)))


def test_an_undeclared_subscription_is_refused() -> None:
    def follow(builder: ServiceBuilder) -> str:
        unused: Any = None
        return builder.subscription("audit.sales", "sales", unused, unused).name

    with pytest.raises(
        LookupError, match=r"not declare that audit\.sales follows sales"
    ):
        composed(a_context("audit", follow))


def test_the_variable_of_a_database_must_end_in_database_url(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="SALES_URL: expected a name such as"):
        OwnDatabase("SALES_URL", "sales.db", tmp_path)


def with_route(*words: str) -> Context:
    """A context with the route `/orders/<order>/cancel`."""

    def api(_: str) -> Api:
        orders = Api("orders", {"order": foreign_names.schema(9, "A")}, {})
        route = orders.route(
            "POST",
            "/orders/<order>/cancel",
            summary="",
            success=Success(description=""),
        )
        route(lambda order: Response(f"{order} is cancelled"))
        return orders

    context = a_context("orders", lambda builder: "orders")
    return attrs.evolve(
        context,
        services=[attrs.evolve(context.services[0], api=api)],
        route_words=foreign_names.RouteWords(words),
    )


def test_a_route_below_a_name_takes_its_word_from_new_names_of_all_contexts(
    tmp_path: Path,
) -> None:
    def client_of(*contexts: Context) -> FlaskClient:
        settings = settings_of(contexts).from_environment(Files(tmp_path).environment)
        return web_application(compose(settings, JOINS)).test_client()

    def register(client: FlaskClient, sku: str) -> int:
        return client.post("/products", json={"sku": sku, "name": "X"}).status_code

    before = client_of(*CONTEXTS)
    assert register(before, "OLD/cancel") == 201

    client = client_of(*CONTEXTS, with_route("cancel"))

    assert client.post("/orders/A/cancel").text == "A is cancelled"
    assert register(client, "NEW/cancel") == 422
    assert register(client, "OLD/cancel") == 409
    renamed = client.put("/products/OLD%2Fcancel/name", json={"name": "Y"})
    assert renamed.status_code == 200


def test_a_route_with_an_undeclared_word_is_refused() -> None:
    with pytest.raises(LookupError, match="declare it in the context's route_words"):
        _ = composed(with_route()).service("orders").api


def test_a_read_only_context_may_follow_several_others(tmp_path: Path) -> None:
    seen: list[str] = []

    def build(builder: ServiceBuilder) -> str:
        (database,) = builder.databases
        for source in ("catalog", "inventory"):
            builder.subscription(
                "reporting.all",
                source,
                database,
                lambda batch, _: seen.extend(each.type for each in batch),
            )
        return "reporting"

    reporting = Context(
        name="reporting",
        address="REPORTING_URL",
        published={},
        services=(
            DeclaredService(
                name="reporting",
                build=build,
                databases=(
                    OwnDatabase("REPORTING_DATABASE_URL", "reporting.db", LISTS),
                ),
                follows=[
                    Follows(subscription="reporting.all", source=source, pattern=">")
                    for source in ("catalog", "inventory")
                ],
                api=lambda edges: Api(edges, {}, {}),
            ),
        ),
    )
    environment = {
        **Files(tmp_path).environment,
        "REPORTING_DATABASE_URL": f"sqlite:///{tmp_path}/reporting.db",
    }
    settings = settings_of((*CONTEXTS, reporting)).from_environment(environment)
    storehouse = compose(settings, JOINS)
    client = web_application(storehouse).test_client()

    client.post("/products", json={"sku": "A", "name": "Lamp", "stock_count": 1})
    storehouse.workers.run_until_idle()

    assert sorted(seen) == ["product.inserted", "stock.opened"]
    observed = observe(storehouse.service("reporting"), system_clock)
    assert [each.lag_events for each in observed.subscriptions] == [0, 0]
    assert [each.name for each in storehouse.services][-1] == "reporting"
    storehouse.stop()
