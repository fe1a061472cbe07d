"""What the contexts declare is what is plugged in, drawn and read."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import attrs
import click
import pytest
from click.testing import CliRunner, Result

from app import CONTEXTS, Storehouse
from shared_kernel.operations.context_map import as_mermaid, renewed
from shared_kernel.operations.context_map_cli import context_map_command, impact_command
from shared_kernel.runtime.context import Context, Follows, Relation
from tests.databases import Databases
from tests.storehouses import a_storehouse

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "context-map.md"


@pytest.fixture
def storehouse(databases: Databases) -> Iterator[Storehouse]:
    with a_storehouse(databases) as made:
        yield made


def run(command: click.Command, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_what_is_declared_is_what_is_plugged_in(storehouse: Storehouse) -> None:
    plugged = {
        (each.name, each.source)
        for service in storehouse.services
        for each in service.subscriptions
    }
    declared = {
        (each.subscription, each.source)
        for context in CONTEXTS
        for each in context.follows
    }

    assert plugged == declared
    assert {each.name for each in storehouse.services} == {
        service for context in CONTEXTS for service in context.services
    }


def test_the_document_is_current() -> None:
    text = DOCUMENT.read_text("utf-8")

    assert renewed(text, CONTEXTS) == text, (
        "flask --app app context-map --write docs/context-map.md makes it anew"
    )


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda each: each.name)
def test_no_field_is_declared_that_nothing_reads(context: Context) -> None:
    read = {
        node.attr
        for path in (ROOT / context.name).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }
    for kind in context.patterns_read():
        assert {field.name for field in attrs.fields(kind)} <= read, kind


def test_each_relation_to_another_context_has_a_kind() -> None:
    for context in CONTEXTS:
        for follows in context.follows:
            assert bool(follows.relations) is (follows.source != context.name)


def test_the_map_is_drawn_with_its_relations() -> None:
    drawn = as_mermaid(
        [
            Context(
                name="sales",
                services=("sales",),
                settings=object,
                address="sales_url",
                published={"order.placed": object},
                accepts=("new.order",),
            ),
            Context(
                name="billing",
                services=("billing",),
                settings=object,
                address="billing_url",
                published={},
                follows=(
                    Follows(
                        subscription="billing.sales",
                        source="sales",
                        pattern="order.>",
                        relations=(Relation.CONFORMIST,),
                    ),
                    Follows(
                        subscription="billing.own", source="billing", pattern="bill.>"
                    ),
                ),
            ),
        ]
    )

    assert drawn.splitlines() == [
        "flowchart LR",
        "    sales[sales]",
        "    others([other programs]) -- new.order --> sales",
        "    billing[billing]",
        '    sales -- "order.*<br>conformist" --> billing',
    ]


def test_programs_are_told_the_same() -> None:
    document = json.loads(run(context_map_command(CONTEXTS), "--json").stdout)

    assert [each["name"] for each in document["contexts"]] == ["catalog", "inventory"]
    assert [
        (each["upstream"], each["downstream"]) for each in document["relations"]
    ] == [("inventory", "catalog"), ("catalog", "inventory")]
    assert {each["field"] for each in document["reads"]} >= {"sku", "stock_count"}


def test_a_document_without_a_place_for_it_is_left_as_it_is(tmp_path: Path) -> None:
    document = tmp_path / "map.md"
    document.write_text("# Map\n")

    result = run(context_map_command(CONTEXTS), "--write", str(document))

    assert result.exit_code == 1
    assert "has no part between <!-- made by `context-map` -->" in result.output
    assert document.read_text() == "# Map\n"


def test_impact_says_who_would_break_and_where() -> None:
    result = run(impact_command(CONTEXTS), "product.inserted.stock_count", "--json")

    (found,) = map(json.loads, result.stdout.splitlines())
    assert (found["context"], found["reader"]) == ("inventory", "ProductInserted")
    assert found["required"] is True
    line = (ROOT / found["file"]).read_text().splitlines()[found["line"] - 1]
    assert line.strip() == "stock_count: int"


def test_impact_of_an_event_says_what_nobody_reads() -> None:
    result = run(impact_command(CONTEXTS), "stock.opened")

    assert "availability" in result.stdout
    assert "Nobody reads: available, on_hand, reserved, version\n" in result.stdout


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("product.sold", "nobody publishes product.sold; there are product.inserted"),
        ("stock.opened.colour", "stock.opened has no field colour; it has sku, on_"),
    ],
)
def test_what_is_not_published_is_refused_by_name(what: str, told: str) -> None:
    result = run(impact_command(CONTEXTS), what)

    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
