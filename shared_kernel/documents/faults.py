"""The faults of a document: each with its place and what is expected there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any

import attrs
import jsonschema_rs

MOST_FAULTS = 100
"""Keeps an answer from becoming much larger than its document."""

MOST_CHOICES = 12

Errors = Iterable[jsonschema_rs.ValidationError]


class FaultKind(StrEnum):
    """Each has the name of the problem that HTTP answers."""

    MALFORMED_JSON = "malformed-json"
    UNKNOWN_FIELD = "unknown-field"
    MISSING_FIELD = "missing-field"
    WRONG_TYPE = "wrong-type"
    OUT_OF_RANGE = "out-of-range"
    INVALID_VALUE = "invalid-value"


@attrs.frozen
class Fault:
    """A fault at `pointer` (RFC 6901); `detail` says what is expected there."""

    kind: FaultKind
    pointer: str
    detail: str


@attrs.frozen
class DocumentError(Exception):
    """Its `str()` names the first fault, and how many there are.

    `faults` is empty if the text breaks off: then `detail` says where.
    """

    faults: Sequence[Fault]
    detail: str

    def __str__(self) -> str:
        return self.detail

    @property
    def field(self) -> str | None:
        """The first field at fault, such as `sku` or `price/minor_units`."""
        return self.faults[0].pointer[1:] or None if self.faults else None

    @property
    def kinds(self) -> set[FaultKind]:
        return {fault.kind for fault in self.faults} or {FaultKind.MALFORMED_JSON}


def faulty(found: Sequence[Fault]) -> DocumentError:
    """For at least one fault; more than MOST_FAULTS are not listed."""
    shown = found[:MOST_FAULTS]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    if len(found) > len(shown):
        more += " at least"
    first = shown[0]
    return DocumentError(
        shown, f"{first.pointer or 'the document'}: {first.detail}{more}"
    )


def all_faults(schema: Mapping[str, Any], errors: Errors) -> DocumentError:
    """All `errors`.

    If `schema` describes the value, the fault quotes that, once for all rules that the
    value breaks.
    """
    some = islice(_listed(schema, errors), MOST_FAULTS + 1)
    return faulty(list(dict.fromkeys(some)))


def malformed(detail: str) -> DocumentError:
    """For a text that is not JSON."""
    return DocumentError((), detail)


def too_large() -> DocumentError:
    """For a number beyond any range, in a place where any number is accepted."""
    return faulty([Fault(FaultKind.OUT_OF_RANGE, "", "a number is too large")])


def too_deep() -> DocumentError:
    """For a document nested too deeply to validate."""
    detail = "expected fewer objects and arrays in one another"
    return faulty([Fault(FaultKind.WRONG_TYPE, "", detail)])


def repeated_key(path: Sequence[str | int]) -> DocumentError:
    """For an object that has the last name in `path` more than once."""
    detail = f"the key {path[-1]!r} is given more than once, expected once"
    return faulty([Fault(FaultKind.MALFORMED_JSON, pointer_to(path), detail)])


def _listed(schema: Mapping[str, Any], errors: Errors) -> Iterator[Fault]:
    for error in errors:
        pointer = pointer_to(error.instance_path)
        of: Any = error.kind
        match of.name:
            case "additionalProperties":
                for name in of.unexpected:
                    yield Fault(
                        FaultKind.UNKNOWN_FIELD,
                        pointer + pointer_to([name]),
                        "no such field",
                    )
            case "required":
                yield Fault(
                    FaultKind.MISSING_FIELD,
                    pointer + pointer_to([of.property]),
                    "is required",
                )
            case "anyOf":
                meant = _meant(of.context, len(error.instance_path))
                if meant is None:
                    types = _types(branch[0] for branch in of.context)
                    yield Fault(FaultKind.WRONG_TYPE, pointer, f"expected {types}")
                else:
                    yield from _listed(schema, meant)
            case "type":
                yield Fault(
                    FaultKind.WRONG_TYPE, pointer, f"expected {_types([error])}"
                )
            case "minimum":
                yield Fault(
                    FaultKind.OUT_OF_RANGE, pointer, f"expected at least {of.limit}"
                )
            case "maximum":
                yield Fault(
                    FaultKind.OUT_OF_RANGE, pointer, f"expected at most {of.limit}"
                )
            case _:
                yield Fault(FaultKind.INVALID_VALUE, pointer, _expected(schema, error))


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


def pointer_to(path: Sequence[str | int]) -> str:
    """RFC 6901."""
    return "".join(
        "/" + str(token).replace("~", "~0").replace("/", "~1") for token in path
    )
