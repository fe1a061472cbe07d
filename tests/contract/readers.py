"""Which classes read which events, and whether the schemas satisfy them."""

from typing import Any

import attrs
import msgspec

from app import CONTEXTS
from shared_kernel.runtime.context import published_as

READERS: dict[type, list[str]] = {}
for context in CONTEXTS:
    for kind, source, pattern in context.reads():
        READERS.setdefault(kind, []).extend(published_as(CONTEXTS, source, pattern))


def name_of(reader: type) -> str:
    return f"{reader.__module__}.{reader.__qualname__}"


def complaints(reader: type, schema: dict[str, Any]) -> list[str]:
    """What `reader` needs and `schema` does not promise, one sentence each."""
    _, components = msgspec.json.schema_components([reader])
    understood = components[reader.__name__]["properties"]
    missed = []
    for field in attrs.fields(reader):
        promised = schema["properties"].get(field.name)
        who = f"{name_of(reader)} reads {field.name!r} of {schema['title']}"
        if promised is None:
            missed.append(f"{who}, which is not there")
            continue
        if field.default is attrs.NOTHING and field.name not in schema["required"]:
            missed.append(f"{who}, which may be missing")
        if not types_in(promised) <= types_in(understood[field.name]):
            missed.append(f"{who} as another type than {promised}")
    return missed


def types_in(property_: dict[str, Any]) -> set[str]:
    """The JSON types that a property may have; any number may be an integer."""
    if "anyOf" in property_:
        return set().union(*map(types_in, property_["anyOf"]))
    kind = property_["type"]
    return {"integer", "number"} if kind == "number" else {kind}
