"""The description for programs (`/openapi.json`) and for people (`/docs`)."""

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from shared_kernel.adapters.web.openapi import describe, problems_of
from shared_kernel.adapters.web.parameters import read_query
from shared_kernel.adapters.web.problems import KINDS, NOT_FOUND, Problem
from shared_kernel.adapters.web.routes import Operation

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_TITLE, _VERSION = "Storehouse", "0.1.0"
_SUMMARY = "A product catalog and its stock."


def page(template: str, **values: Any) -> Response:
    """An HTML page that loads nothing from elsewhere."""
    return Response(
        render_template(template, **values),
        headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
        content_type="text/html; charset=utf-8",
    )


def pages(operations: Sequence[Operation]) -> Blueprint:
    blueprint = Blueprint(
        "web",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )

    @functools.cache
    def document() -> bytes:
        return describe(
            operations, title=_TITLE, version=_VERSION, description=_SUMMARY
        )

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        read_query(())
        return Response(document(), content_type="application/json")

    @functools.cache
    def documentation() -> str:
        described = json.loads(document())
        schemas = described["components"]["schemas"]
        return render_template(
            "web/docs.html",
            operations=[
                {
                    "operation": operation,
                    "parameters": _parameters(described, operation),
                    "fields": _body(operation, schemas),
                    "problems": problems_of(operation),
                    "example": _example(operation, schemas),
                }
                for operation in operations
            ],
            kinds=sorted(KINDS.values(), key=lambda kind: (kind.status, kind.slug)),
        )

    @blueprint.get("/docs")
    def docs() -> Response:
        return Response(
            documentation(),
            headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
            content_type="text/html; charset=utf-8",
        )

    @blueprint.get("/problems/<slug>")
    def problem(slug: str) -> AnyResponse:
        if slug not in KINDS:
            raise Problem(NOT_FOUND, f"there is no problem named {slug!r}")
        return redirect(f"/docs#problem-{slug}", 303)

    return blueprint


def _parameters(document: Mapping[str, Any], operation: Operation) -> list[Any]:
    path = document["paths"][operation.rule]
    return list(path[operation.method.lower()]["parameters"])


def _body(operation: Operation, schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    if operation.body is None:
        return []
    return list(_fields(operation.body.reference, schemas))


def _fields(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], prefix: str = ""
) -> Iterator[dict[str, Any]]:
    """One entry a field, nested ones by their path."""
    schema = _resolved(schema, schemas)
    for name, member in schema.get("properties", {}).items():
        meant = _resolved(member, schemas)
        yield {
            "name": prefix + name,
            "required": name in schema.get("required", ()),
            "type": meant.get("type", "string"),
            "bounds": ", ".join(_bounds(meant)),
        }
        if meant.get("type") == "object":
            yield from _fields(meant, schemas, f"{prefix}{name}.")


def _bounds(schema: Mapping[str, Any]) -> Iterable[str]:
    if "minimum" in schema:
        yield f"from {schema['minimum']:,} to {schema['maximum']:,}"
    if "maxLength" in schema:
        yield f"at most {schema['maxLength']:,} characters"
    if "enum" in schema:
        some = [str(value) for value in schema["enum"][:6]]
        yield "one of " + ", ".join(some) + (" …" if len(schema["enum"]) > 6 else "")


def _resolved(
    schema: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Mapping[str, Any]:
    for branch in schema.get("anyOf", ()):
        if branch.get("type") != "null":
            return _resolved(branch, schemas)
    if "$ref" in schema:
        found: Mapping[str, Any] = schemas[schema["$ref"].rsplit("/", 1)[-1]]
        return found
    return schema


_EXAMPLES = {
    "name": "Desk lamp",
    "sku": "LAMP-0001",
    "order": "ORDER-1",
    "source": "catalog",
    "description": "It shines.",
    "currency": "EUR",
    "minor_units": 1999,
    "stock_count": 5,
    "reason": "yearly stocktake",
    "id": "LAMP-0001",
}


def _example(operation: Operation, schemas: Mapping[str, Any]) -> str:
    path = operation.rule
    for name in operation.path_parameters:
        path = path.replace(f"{{{name}}}", str(_EXAMPLES[name]))
    asked = [
        f"{parameter.name}={_EXAMPLES[parameter.name]}"
        for parameter in operation.parameters
        if parameter.required
    ]
    address = f"http://127.0.0.1:8000{path}" + ("?" + "&".join(asked) if asked else "")
    method = "" if operation.method == "GET" else f" -X {operation.method}"
    if operation.body is None:
        return f"curl{method} '{address}'"
    body = json.dumps(_example_body(operation.body.reference, schemas))
    return (
        f"curl{method} '{address}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )


def _example_body(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    schema = _resolved(schema, schemas)
    return {
        name: _example_body(member, schemas)
        if _resolved(member, schemas).get("type") == "object"
        else _EXAMPLES.get(name, 2)
        for name, member in schema.get("properties", {}).items()
    }
