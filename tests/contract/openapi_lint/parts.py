"""The parts of an OpenAPI document, each with its place."""

from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import attrs
import jsonschema_rs

Json = Mapping[str, Any]
Check = Callable[["Document"], Iterator[str]]

_OF_SCHEMAS = ("properties", "$defs", "patternProperties")
_SCHEMAS = ("items", "not", "additionalProperties", "contains")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")


def rule(name: str) -> Callable[[Check], Check]:
    """Name it as redocly does."""

    def named(check: Check) -> Check:
        check.__dict__["rule"] = name
        return check

    return named


def rules_of(*modules: ModuleType) -> dict[str, Check]:
    """By their names."""
    return {
        check.rule: check
        for module in modules
        for check in vars(module).values()
        if hasattr(check, "rule")
    }


@attrs.frozen
class Document:
    whole: Json

    def operations(self) -> Iterator[tuple[str, Json]]:
        for path, methods in self.whole["paths"].items():
            for method, operation in methods.items():
                yield f"{method.upper()} {path}", operation

    def parameters(self) -> Iterator[tuple[str, Json]]:
        for place, operation in self.operations():
            for parameter in operation.get("parameters", ()):
                yield f"{place} {parameter['name']}", parameter

    def media(self) -> Iterator[tuple[str, Json]]:
        """Of bodies and answers."""
        for place, operation in self.operations():
            bodies = [
                operation.get("requestBody", {}),
                *operation["responses"].values(),
            ]
            for body in bodies:
                for media_type, each in body.get("content", {}).items():
                    yield f"{place} {media_type}", each

    def schemas(self) -> Iterator[tuple[str, Json]]:
        """All of them, those within others too."""
        described = self.whole["components"].get("schemas", {})
        for name, schema in described.items():
            yield from _within(name, schema)
        for place, part in [*self.parameters(), *self.media()]:
            yield from _within(place, part["schema"])
        for place, operation in self.operations():
            for answer in operation["responses"].values():
                for name, header in answer.get("headers", {}).items():
                    yield from _within(f"{place} {name}", header["schema"])

    def references(self) -> Iterator[str]:
        yield from _references(self.whole)

    def at(self, reference: str) -> Any:
        """What it refers to. Raises KeyError."""
        part: Any = self.whole
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]
        return part

    def meant(self, schema: Json) -> Json:
        """The schema, or that to which it refers."""
        return self.at(schema["$ref"]) if "$ref" in schema else schema

    def refused_examples(self, part: Json, schema: Json) -> Iterator[str]:
        """Those of `part` that `schema` does not accept."""
        examples = part.get("examples", [])
        if isinstance(examples, dict):
            examples = [each["value"] for each in examples.values()]
        if "example" in part:
            examples = [*examples, part["example"]]
        if not examples:
            return
        among = {**schema, "components": self.whole["components"]}
        validator = jsonschema_rs.Draft202012Validator(among)
        for example in examples:
            for error in validator.iter_errors(example):
                yield f"{example!r}: {error.message}"


def types_of(schema: Json) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else types


def _within(place: str, schema: Any) -> Iterator[tuple[str, Json]]:
    if not isinstance(schema, dict):
        return
    yield place, schema
    for word in _SCHEMAS:
        yield from _within(f"{place}/{word}", schema.get(word))
    for word in _LISTS:
        for number, each in enumerate(schema.get(word, ())):
            yield from _within(f"{place}/{word}/{number}", each)
    for word in _OF_SCHEMAS:
        for name, each in schema.get(word, {}).items():
            yield from _within(f"{place}/{name}", each)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for each in part:
            yield from _references(each)
    elif isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from _references(each)
