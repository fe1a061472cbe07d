"""Schemas of bodies as OpenAPI describes them, for those who generate clients."""

from collections.abc import Mapping
from typing import Any

import msgspec


def for_clients(components: Mapping[str, Any]) -> dict[str, Any]:
    """`components` whose fields tell their defaults in words; any value is just that.

    Generators take a field with a `default` for one that is always there, so clients
    would have to send it (openapi-typescript does so, whatever the default is).
    """
    return {name: _with_words(schema) for name, schema in components.items()}


def _with_words(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    if not properties:
        return schema
    return {**schema, "properties": {n: _field(p) for n, p in properties.items()}}


def _field(schema: Mapping[str, Any]) -> dict[str, Any]:
    # What is any value or null is any value.
    is_any = {} in schema.get("anyOf", ())
    omitted = ("default", "anyOf") if is_any else ("default",)
    field = {name: value for name, value in schema.items() if name not in omitted}
    default = schema.get("default")
    if default is None:
        return field
    words = f"{msgspec.json.encode(default).decode()} if not given"
    return field | {
        "description": "; ".join(filter(None, [schema.get("description"), words]))
    }
