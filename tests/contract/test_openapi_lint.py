"""Every process's OpenAPI document keeps the rules that redocly recommends.

And two more: `operation-description` and `operation-tag-defined`. Rules about what is
never written here are left out: server variables, scopes, HTML in texts, references
other than to schemas. The list is that of version 2.77.
"""

import copy
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from app import CONTEXTS, JOINS
from shared_kernel.runtime.composition import compose
from shared_kernel.runtime.context import Context, services_of
from shared_kernel.runtime.settings import WORKER, settings_of
from shared_kernel.serving.application import web_application
from shared_kernel.web.problems import KINDS
from tests.contract.openapi_lint import operation_rules, schema_rules
from tests.contract.openapi_lint.parts import Document, Json, rules_of

RULES = rules_of(operation_rules, schema_rules)
SKELETON = Path(__file__).parents[2] / "samples" / "skeleton"
PARTS = [*(service.name for _, service in services_of(CONTEXTS)), WORKER]

IMPORT = "/products/imports/{import_id}"
"""Ambiguous only on paper: no SKU begins with `imports` (`docs/decisions/0042-…`)."""


def described(folder: Path, contexts: tuple[Context, ...], only: str = "") -> Json:
    """The document of a process with the service `only`, or else with all of them."""
    environment = {
        database.variable: f"sqlite:///{folder / database.name}.db"
        for _, service in services_of(contexts)
        for database in service.databases
    }
    if only:
        addresses = {each.address: "http://127.0.0.1:9" for each in contexts}
        environment |= addresses | {"SERVICES": only, "BUS_URL": "feed:"}
    storehouse = compose(settings_of(contexts).from_environment(environment), JOINS)
    try:
        client = web_application(storehouse).test_client()
        document: Json = client.get("/openapi.json").get_json()
    finally:
        storehouse.stop()
    return document


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


@pytest.fixture(scope="module")
def whole(folder: Path) -> Json:
    return described(folder, CONTEXTS)


def faults(document: Json) -> Iterator[str]:
    """What the rules find."""
    for name, rule in RULES.items():
        for found in rule(Document(document)):
            if not (name == "no-ambiguous-paths" and IMPORT in found):
                yield f"{name}: {found}"


def test_the_document_of_one_process_is_clean(whole: Json) -> None:
    assert list(faults(whole)) == []


@pytest.mark.parametrize("only", PARTS)
def test_the_document_of_a_process_with_one_service_is_clean(
    folder: Path, only: str
) -> None:
    assert list(faults(described(folder, CONTEXTS, only))) == []


def test_the_document_with_a_new_context_is_clean(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(SKELETON)
    # Its problems are of no other test.
    with patch.dict(KINDS):
        added = importlib.import_module("shipping.bootstrap").CONTEXT
        document = described(folder, (*CONTEXTS, added))

    assert "/parcels/{reference}" in document["paths"]
    assert list(faults(document)) == []


def test_what_is_optional_in_a_request_has_no_default(whole: Json) -> None:
    """Generators of clients take a field with a default for a required one."""
    defaults = [
        place
        for place, schema in Document(whole).schemas()
        for field in schema.get("properties", {}).values()
        if "default" in field
    ]

    assert defaults == []


NAMED = {"type": "object", "required": ["name"], "properties": {"name": {}}}
GOOD: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "A", "version": "1", "license": {"name": "B", "url": "/b"}},
    "servers": [{"url": "/"}],
    "security": [],
    "tags": [{"name": "a", "description": "Of a."}],
    "paths": {
        "/a/{id}": {
            "get": {
                "operationId": "show_a",
                "tags": ["a"],
                "summary": "Show an a",
                "description": "Whatever it is.",
                "parameters": [
                    {
                        "in": "path",
                        "name": "id",
                        "required": True,
                        "schema": {"type": "integer"},
                    }
                ],
                "responses": {
                    "200": {
                        "description": "It.",
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/components/schemas/A"}
                            }
                        },
                    },
                    "404": {"description": "There is none."},
                },
            }
        }
    },
    "components": {
        "securitySchemes": {"b": {"type": "http", "scheme": "bearer"}},
        "schemas": {"A": NAMED},
    },
}


def test_a_good_document_is_clean() -> None:
    assert [found for rule in RULES.values() for found in rule(Document(GOOD))] == []


Break = Callable[[Any, Any], object]
"""Gets the document, and its only operation."""


def schema_is(**schema: Any) -> Break:
    return lambda document, _: document["components"]["schemas"].update(A=schema)


def another_path(path: str) -> Break:
    return lambda document, operation: document["paths"].update(
        {path: {"get": operation | {"operationId": "another"}}}
    )


def servers_are(*urls: str) -> Break:
    return lambda d, _: d.update(servers=[{"url": url} for url in urls])


BREAKS: list[tuple[str, Break]] = [
    ("struct", lambda document, _: document.pop("info")),
    ("struct", lambda _, operation: operation["parameters"][0].pop("schema")),
    ("struct", lambda _, operation: operation.update(Tags=["a"])),
    ("struct", schema_is(type="text")),
    ("no-unresolved-refs", lambda document, _: document.update(components={})),
    ("info-license", lambda document, _: document["info"].pop("license")),
    ("info-license-strict", lambda d, _: d["info"]["license"].pop("url")),
    ("no-empty-servers", lambda document, _: document.pop("servers")),
    ("no-empty-servers", servers_are()),
    ("no-server-example.com", servers_are("https://api.example.com/a")),
    ("no-server-example.com", servers_are("http://localhost:8000")),
    ("no-server-trailing-slash", servers_are("https://a.test/")),
    ("security-defined", lambda document, _: document.pop("security")),
    ("security-defined", lambda _, operation: operation.update(security=[{"c": []}])),
    ("tag-description", lambda document, _: document["tags"][0].pop("description")),
    ("no-duplicated-tag-names", lambda d, _: d["tags"].append(d["tags"][0])),
    ("operation-tag-defined", lambda _, operation: operation.update(tags=["b"])),
    ("no-ambiguous-paths", another_path("/{what}/1")),
    ("no-identical-paths", another_path("/a/{number}")),
    ("no-path-trailing-slash", another_path("/a/")),
    ("path-declaration-must-exist", another_path("/a/{}")),
    ("path-not-include-query", another_path("/a?b=1")),
    ("path-parameters-defined", lambda _, operation: operation["parameters"].pop()),
    (
        "operation-parameters-unique",
        lambda _, operation: operation["parameters"].append(operation["parameters"][0]),
    ),
    ("operation-summary", lambda _, operation: operation.pop("summary")),
    ("operation-description", lambda _, operation: operation.update(description="")),
    ("operation-operationId", lambda _, operation: operation.pop("operationId")),
    (
        "operation-operationId-unique",
        lambda document, operation: document["paths"].update(
            {"/b": {"put": operation}}
        ),
    ),
    (
        "operation-operationId-url-safe",
        lambda _, operation: operation.update(operationId="show an a"),
    ),
    ("operation-2xx-response", lambda _, operation: operation["responses"].pop("200")),
    ("operation-4xx-response", lambda _, operation: operation["responses"].pop("404")),
    (
        "spec-components-invalid-map-name",
        lambda document, _: document["components"]["schemas"].update({"a b": {}}),
    ),
    (
        "no-unused-components",
        lambda document, _: document["components"]["schemas"].update(B={}),
    ),
    ("no-duplicated-enum-values", schema_is(enum=["a", "b", "a"])),
    ("no-illogical-composition-keywords", schema_is(anyOf=[{"type": "string"}])),
    ("no-illogical-composition-keywords", schema_is(oneOf=[{"type": "string"}, {}])),
    ("no-illogical-composition-keywords", schema_is(anyOf=[NAMED, NAMED])),
    ("no-enum-type-mismatch", schema_is(type="string", enum=["a", 1])),
    ("no-schema-type-mismatch", schema_is(type="array", properties={"a": {}})),
    ("no-schema-type-mismatch", schema_is(anyOf=[{"type": "object", "items": {}}])),
    (
        "no-required-schema-properties-undefined",
        schema_is(properties={"a": {"type": "object", "required": ["b"]}}),
    ),
    ("no-mixed-number-range-constraints", schema_is(minimum=1, exclusiveMinimum=0)),
    ("no-invalid-schema-examples", schema_is(type="integer", examples=["1"])),
    (
        "no-invalid-parameter-examples",
        lambda _, operation: operation["parameters"][0].update(example="one"),
    ),
    (
        "no-invalid-media-type-examples",
        lambda _, operation: operation["responses"]["200"]["content"][
            "application/json"
        ].update(examples={"one": {"value": {"title": "no name"}}}),
    ),
]


def test_every_rule_is_broken_by_some_document() -> None:
    assert RULES.keys() == {name for name, _ in BREAKS}


@pytest.mark.parametrize(("name", "break_it"), BREAKS)
def test_a_rule_finds_what_breaks_it(name: str, break_it: Break) -> None:
    document = copy.deepcopy(GOOD)
    ((operation,),) = (path.values() for path in document["paths"].values())

    break_it(document, operation)

    assert next(RULES[name](Document(document)), None)
