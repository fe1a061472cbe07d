"""Rules of redocly about schemas and examples."""

from collections.abc import Callable, Iterator, Sequence

from tests.contract.openapi_lint.parts import Document, Json, rule, types_of

_TYPES = {
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}


@rule("no-enum-type-mismatch")
def choices_have_the_type(document: Document) -> Iterator[str]:
    for place, schema in document.schemas():
        types = types_of(schema)
        for value in schema.get("enum", ()) if types else ():
            if not any(isinstance(value, _TYPES[each]) for each in types):
                yield f"{place}: {value!r} is none of {types}"


@rule("no-duplicated-enum-values")
def choices_are_told_once(document: Document) -> Iterator[str]:
    for place, schema in document.schemas():
        choices = list(map(repr, schema.get("enum", ())))
        yield from (f"{place}: {each}" for each in choices if choices.count(each) > 1)


@rule("no-illogical-composition-keywords")
def composition_makes_a_difference(document: Document) -> Iterator[str]:
    for place, schema in document.schemas():
        for word in ("anyOf", "oneOf"):
            parts = schema.get(word)
            if parts is None:
                continue
            if len(parts) < 2 or {} in parts or any(map(_is_repeated(parts), parts)):
                yield f"{place}: {word}"


def _is_repeated(parts: Sequence[Json]) -> Callable[[Json], bool]:
    return lambda part: parts.count(part) > 1


@rule("no-schema-type-mismatch")
def members_are_of_objects_and_items_of_arrays(document: Document) -> Iterator[str]:
    for place, schema in document.schemas():
        for word, other in (("properties", "array"), ("items", "object")):
            if word in schema and types_of(schema) == [other]:
                yield f"{place}: {word} of an {other}"


@rule("no-required-schema-properties-undefined")
def what_is_required_is_described(document: Document) -> Iterator[str]:
    for place, schema in document.schemas():
        described = _properties(document, schema)
        for name in schema.get("required", ()):
            if name not in described:
                yield f"{place}: {name}"


def _properties(document: Document, schema: Json) -> set[str]:
    meant = document.meant(schema)
    parts = [*meant.get("allOf", ()), *meant.get("anyOf", ())]
    return {*meant.get("properties", {})}.union(
        *(_properties(document, each) for each in parts)
    )


@rule("no-mixed-number-range-constraints")
def ends_of_a_range_are_told_once(document: Document) -> Iterator[str]:
    for place, schema in document.schemas():
        for end in ("minimum", "maximum"):
            if {end, f"exclusive{end.capitalize()}"} <= schema.keys():
                yield f"{place}: {end}"


@rule("no-invalid-schema-examples")
def examples_of_schemas_are_valid(document: Document) -> Iterator[str]:
    for place, schema in document.schemas():
        for refused in document.refused_examples(schema, schema):
            yield f"{place}: {refused}"


@rule("no-invalid-parameter-examples")
def examples_of_parameters_are_valid(document: Document) -> Iterator[str]:
    for place, parameter in document.parameters():
        for refused in document.refused_examples(parameter, parameter["schema"]):
            yield f"{place}: {refused}"


@rule("no-invalid-media-type-examples")
def examples_of_bodies_are_valid(document: Document) -> Iterator[str]:
    for place, media in document.media():
        for refused in document.refused_examples(media, media["schema"]):
            yield f"{place}: {refused}"
