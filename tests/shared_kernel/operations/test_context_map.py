"""Declared subscriptions and reads match the code, the context map and `impact`."""

import ast
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import click
import pytest
from click.testing import CliRunner, Result

from app import CONTEXTS
from shared_kernel.operations.context_map import as_mermaid, questions, updated
from shared_kernel.operations.context_map_cli import context_map_command, impact_command
from shared_kernel.runtime.context import (
    Context,
    DeclaredService,
    Follows,
    Need,
    Relation,
)
from shared_kernel.runtime.running import RunningServices
from shared_kernel.web.routes import Api
from tests.databases import Databases
from tests.storehouses import a_storehouse

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "context-map.md"


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[RunningServices]:
    with a_storehouse(databases) as storehouse:
        yield storehouse


@attrs.frozen
class Price:
    units: int


def a_service(
    name: str, follows: Sequence[Follows] = (), needs: Sequence[Need[Any]] = ()
) -> DeclaredService[Any]:
    return DeclaredService(
        name=name,
        build=lambda builder: builder,
        databases=(),
        follows=follows,
        needs=needs,
        api=lambda edges: Api(name, {}, {}),
    )


def run(command: click.Command, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_the_services_run_exactly_as_declared(storehouse: RunningServices) -> None:
    running = {
        (each.name, each.source)
        for service in storehouse.services
        for each in service.subscriptions
    }
    declared = {
        (each.subscription, each.source)
        for context in CONTEXTS
        for each in context.follows
    }

    assert running == declared
    assert {each.name for each in storehouse.services} == {
        service.name for context in CONTEXTS for service in context.services
    }


def test_the_generated_part_of_the_document_is_current() -> None:
    text = DOCUMENT.read_text("utf-8")

    assert updated(text, CONTEXTS) == text, (
        "run flask --app app context-map --write docs/context-map.md"
    )


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda each: each.name)
def test_each_declared_field_is_read(context: Context) -> None:
    read = {
        node.attr
        for path in (ROOT / context.name).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }
    of_responses = [kind for need in context.needs for kind in need.reads]
    for kind in (*context.patterns_read(), *of_responses):
        assert {field.name for field in attrs.fields(kind)} <= read, kind


def test_each_dependency_on_another_context_has_a_relation() -> None:
    for context in CONTEXTS:
        for follows in context.follows:
            assert bool(follows.relations) is (follows.source != context.name)
    assert all(need.relations for _, _, need in questions(CONTEXTS))


def test_the_map_shows_relations_and_accepted_messages() -> None:
    orders = Follows(
        subscription="billing.sales",
        source="sales",
        pattern="order.>",
        relations=(Relation.CONFORMIST,),
    )
    own = Follows(subscription="billing.own", source="billing", pattern="bill.>")
    prices: Need[object] = Need(
        "sales",
        lambda peer: peer,
        relations=(Relation.OPEN_HOST_SERVICE,),
        reads={Price: ("GET /prices",)},
    )
    drawn = as_mermaid(
        [
            Context(
                name="sales",
                address="SALES_URL",
                services=(a_service("sales"),),
                published={"order.placed": object},
                accepts={"new.order": object},
            ),
            Context(
                name="billing",
                address="BILLING_URL",
                services=(
                    a_service("billing", follows=(orders, own), needs=(prices,)),
                ),
                published={},
            ),
        ]
    )

    assert drawn.splitlines() == [
        "flowchart LR",
        "    others([other programs])",
        "    kernel[[shared kernel]]",
        "    sales[sales]",
        '    others -- "new.order<br>published language" --> sales',
        "    billing[billing]",
        '    sales -- "order.*<br>conformist" --> billing',
        '    sales -. "GET /prices<br>open host service" .-> billing',
        '    sales -- "shared kernel" --- kernel',
        '    billing -- "shared kernel" --- kernel',
    ]


def test_the_map_as_json_has_the_same_content() -> None:
    document = json.loads(run(context_map_command(CONTEXTS), "--json").stdout)

    names = [each["name"] for each in document["contexts"]]
    assert names == [context.name for context in CONTEXTS]
    queried = [each["routes"] for each in document["relations"] if "routes" in each]
    followed = [
        (each["upstream"], each["downstream"])
        for each in document["relations"]
        if "subjects" in each
    ]
    assert queried == [["GET /stock"]]
    assert followed[:2] == [("inventory", "catalog"), ("catalog", "inventory")]
    assert {each["field"] for each in document["reads"]} >= {"sku", "stock_count"}


def test_a_document_without_a_generated_part_is_unchanged(tmp_path: Path) -> None:
    document = tmp_path / "map.md"
    document.write_text("# Map\n")

    result = run(context_map_command(CONTEXTS), "--write", str(document))

    assert result.exit_code == 1
    assert "has no part between <!-- made by `context-map` -->" in result.output
    assert document.read_text() == "# Map\n"


def test_impact_on_a_field_names_its_readers_and_their_lines() -> None:
    result = run(impact_command(CONTEXTS), "product.inserted.stock_count", "--json")

    (found,) = map(json.loads, result.stdout.splitlines())
    assert (found["context"], found["reader"]) == ("inventory", "ProductInserted")
    assert found["required"] is True
    line = (ROOT / found["file"]).read_text().splitlines()[found["line"] - 1]
    assert line.strip() == "stock_count: int"


def test_impact_on_a_response_names_its_readers() -> None:
    result = run(impact_command(CONTEXTS), "GET /stock.quantity", "--json")

    (found,) = map(json.loads, result.stdout.splitlines())
    assert (found["context"], found["reader"]) == ("catalog", "Quantity")


def test_impact_on_an_event_lists_its_unread_fields() -> None:
    result = run(impact_command(CONTEXTS), "stock.opened")

    assert "availability" in result.stdout
    assert (
        "Not read by any context: available, on_hand, reserved, version\n"
        in result.stdout
    )


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "product.sold",
            "unknown event or route product.sold; expected one of product.inserted",
        ),
        ("stock.opened.colour", "stock.opened has no field colour; it has sku, on_"),
    ],
)
def test_an_unknown_event_or_field_is_refused_by_name(what: str, message: str) -> None:
    result = run(impact_command(CONTEXTS), what)

    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
