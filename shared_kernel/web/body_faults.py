"""The faults of a body: each with its place and what is expected there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs
import jsonschema_rs

from shared_kernel.domain.errors import InvalidValue
from shared_kernel.web.problems import (
    INVALID_BODY,
    INVALID_VALUE,
    MALFORMED_JSON,
    MISSING_FIELD,
    OUT_OF_RANGE,
    UNKNOWN_FIELD,
    WRONG_TYPE,
    Problem,
    ProblemKind,
)

MOST_FAULTS = 100
"""Keeps a response from becoming much larger than its request."""

MOST_CHOICES = 12

Errors = Iterable[jsonschema_rs.ValidationError]


@attrs.frozen
class Fault:
    """A fault at `pointer` (RFC 6901); `detail` says what is expected there."""

    kind: ProblemKind
    pointer: str
    detail: str


def faults(schema: Mapping[str, Any], errors: Errors) -> Problem:
    """All `errors` as one problem: of their type, if they all have the same type.

    If `schema` has a description of the value, the fault quotes it, once for all rules
    that the value breaks.
    """
    some = islice(_listed(schema, errors), MOST_FAULTS + 1)
    return _problem(list(dict.fromkeys(some)))


def invalid_value(error: InvalidValue) -> Problem:
    """A refusal of a value by the domain, with the field as a pointer."""
    pointer = "/" + error.field.replace(".", "/")
    return _problem([Fault(INVALID_VALUE, pointer, f"expected {error.expected}")])


def too_deep() -> Problem:
    """For a body nested too deeply to validate."""
    detail = "expected fewer objects and arrays in one another"
    return _problem([Fault(WRONG_TYPE, "", detail)])


def repeated_key(path: Sequence[str | int]) -> Problem:
    """For an object that has the last name in `path` more than once."""
    detail = f"the key {path[-1]!r} is given more than once, expected once"
    return _problem([Fault(MALFORMED_JSON, _pointer(path), detail)])


def _problem(found: Sequence[Fault]) -> Problem:
    shown = found[:MOST_FAULTS]
    kinds = {fault.kind for fault in shown}
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    if len(found) > len(shown):
        more += " at least"
    return Problem(
        INVALID_BODY if len(kinds) > 1 else shown[0].kind,
        f"{shown[0].pointer or 'the body'}: {shown[0].detail}{more}",
        [
            {"type": fault.kind.type, "pointer": fault.pointer, "detail": fault.detail}
            for fault in shown
        ],
    )


def _listed(schema: Mapping[str, Any], errors: Errors) -> Iterator[Fault]:
    for error in errors:
        pointer = _pointer(error.instance_path)
        of: Any = error.kind
        match of.name:
            case "additionalProperties":
                for name in of.unexpected:
                    yield Fault(
                        UNKNOWN_FIELD, pointer + _pointer([name]), "no such field"
                    )
            case "required":
                yield Fault(
                    MISSING_FIELD, pointer + _pointer([of.property]), "is required"
                )
            case "anyOf":
                meant = _meant(of.context, len(error.instance_path))
                if meant is None:
                    types = _types(branch[0] for branch in of.context)
                    yield Fault(WRONG_TYPE, pointer, f"expected {types}")
                else:
                    yield from _listed(schema, meant)
            case "type":
                yield Fault(WRONG_TYPE, pointer, f"expected {_types([error])}")
            case "minimum":
                yield Fault(OUT_OF_RANGE, pointer, f"expected at least {of.limit}")
            case "maximum":
                yield Fault(OUT_OF_RANGE, pointer, f"expected at most {of.limit}")
            case _:
                yield Fault(INVALID_VALUE, pointer, _expected(schema, error))


def _types(errors: Errors) -> str:
    kinds: list[Any] = [error.kind for error in errors]
    return " or ".join(sorted({name for kind in kinds for name in kind.types}))


def _expected(schema: Mapping[str, Any], error: jsonschema_rs.ValidationError) -> str:
    """From the description of the schema that the value breaks, or from the rule."""
    broken: Any = schema
    for step in error.schema_path[:-1]:
        broken = broken[step]
    if "description" in broken:
        return f"expected {broken['description']}"
    of: Any = error.kind
    match of.name:
        case "minLength":
            return f"expected at least {of.limit} characters"
        case "maxLength":
            return f"expected at most {of.limit} characters"
        case "pattern":
            return f"expected text that matches {of.pattern}"
        case "enum":
            choices = [str(choice) for choice in broken["enum"]]
            more = ", …" if len(choices) > MOST_CHOICES else ""
            return "expected one of " + ", ".join(choices[:MOST_CHOICES]) + more
        case _:
            return error.message


def _meant(
    branches: Sequence[Sequence[jsonschema_rs.ValidationError]], depth: int
) -> Sequence[jsonschema_rs.ValidationError] | None:
    """The errors of the branch that was probably meant: the one of the value's type.

    `depth` is that of the value. None if no branch has the value's type.
    """
    for errors in branches:
        if not any(
            error.kind.name == "type" and len(error.instance_path) == depth
            for error in errors
        ):
            return errors
    return None


def _pointer(path: Sequence[str | int]) -> str:
    """RFC 6901."""
    return "".join(
        "/" + str(token).replace("~", "~0").replace("/", "~1") for token in path
    )
