"""Documents read by the schema of an attrs class, with all faults reported.

Strict: a field that the class does not have is refused, unless `more_fields` are
allowed, and so is a name that is given twice. 5.0 is the integer 5 (JSON Schema
2020-12, §4.2.3); "5" is none.
"""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import jsonschema_rs
import msgspec

from shared_kernel.documents.faults import (
    all_faults,
    malformed,
    repeated_key,
    too_deep,
    too_large,
)

T = TypeVar("T")
_REF = "#/components/schemas/{name}"
_BEYOND_ANY_RANGE = 10**300
_LONGEST_NUMBER = 300


class Schema(Generic[T]):
    """Of `kind`, an attrs class: its annotations make the schema.

    `reference` and `components` describe it for OpenAPI. A `description` in the
    annotations says what a sender should send.
    """

    def __init__(self, kind: type[T], *, more_fields: bool = False) -> None:
        self.kind = kind
        compiled = _compiled(kind, more_fields)  # type: ignore[arg-type] # mypy: unhashable type[T]
        self.reference, self.components, self._schema, self._validator = compiled

    def read(self, raw: bytes, ignored: Sequence[str] = ()) -> T:
        """What `raw` says, but for fields that are `ignored`. Raises DocumentError."""
        # Not strict: 5.0 is an integer in JSON Schema, and so it is here.
        return msgspec.convert(self._valid(raw, ignored), self.kind, strict=False)

    def _valid(self, raw: bytes, ignored: Sequence[str]) -> Any:
        try:
            value = msgspec.json.decode(raw)
        except msgspec.ValidationError:
            self._validate(_without(ignored, _with_bounded_numbers(raw)))
            raise too_large() from None
        except msgspec.DecodeError as error:
            raise malformed(str(error)) from None
        except UnicodeDecodeError as error:
            detail = f"expected UTF-8, got something else (byte {error.start})"
            raise malformed(detail) from None
        except RecursionError:
            raise too_deep() from None
        wanted = _without(ignored, value)
        self._validate(wanted)
        # Each key has a colon, so the counts agree unless a text contains a colon.
        if raw.count(b":") != _count_keys(wanted):
            _refuse_repeated_keys(raw)
        return wanted

    def _validate(self, value: Any) -> None:
        try:
            if self._validator.is_valid(value):
                return
            error = all_faults(self._schema, self._validator.iter_errors(value))
        except ValueError:
            # The validator follows 255 levels, far more than any valid document has.
            raise too_deep() from None
        raise error


# Many applications of one process have the same schemas: those of its tests.
@functools.cache
def _compiled(
    kind: type,
    more_fields: bool,
) -> tuple[
    dict[str, Any],
    dict[str, Any],
    dict[str, Any],
    jsonschema_rs.Draft202012Validator,
]:
    """A reference to the schema, its components, both in one, and its validator."""
    (reference,), components = schemas_of([kind], more_fields=more_fields)
    schema = {**reference, "components": {"schemas": components}}
    # Masked: a message never repeats the sender's value, which may be long.
    validator = jsonschema_rs.Draft202012Validator(schema, mask="the value")
    return reference, components, schema, validator


def schemas_of(
    kinds: Sequence[type], *, more_fields: bool = False
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A reference for each of `kinds`, and the components they refer to."""
    references, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    for schema in components.values():
        if schema.get("type") == "object" and not more_fields:
            schema["additionalProperties"] = False
    return list(references), components


def _without(ignored: Sequence[str], value: Any) -> Any:
    if not ignored or not isinstance(value, Mapping):
        return value
    return {name: inner for name, inner in value.items() if name not in ignored}


def _count_keys(value: Any) -> int:
    """The keys of all objects in `value`, which is valid and so not deep."""
    match value:
        case dict():
            return len(value) + sum(map(_count_keys, value.values()))
        case list():
            return sum(map(_count_keys, value))
        case _:
            return 0


def _refuse_repeated_keys(raw: bytes) -> None:
    """It is undefined which of two values counts (RFC 8259, section 4)."""
    try:
        pairs = json.loads(raw, object_pairs_hook=_Pairs)
        found = next(_repeated_keys(pairs, ()), None)
    except RecursionError:
        raise too_deep() from None
    if found is not None:
        raise repeated_key(found)


class _Pairs(tuple[tuple[str, Any], ...]):
    """An object as it was written; arrays are lists."""


def _repeated_keys(
    value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[str | int, ...]]:
    """Their paths in `value`, which is valid and so not deep."""
    if not isinstance(value, _Pairs | list):
        return
    names = set[str | int]()
    for name, inner in value if isinstance(value, _Pairs) else enumerate(value):
        if name in names:
            yield (*path, name)
        names.add(name)
        yield from _repeated_keys(inner, (*path, name))


def _with_bounded_numbers(raw: bytes) -> Any:
    """JSON with huge numbers replaced by smaller ones that the validator can judge."""
    try:
        return json.loads(
            raw.decode(),
            parse_int=_bounded,
            parse_float=_bounded,
            parse_constant=_refuse_constant,
        )
    except RecursionError:
        raise too_deep() from None
    except ValueError as error:
        raise malformed(str(error)) from None


def _bounded(text: str) -> float:
    if text.lstrip("-").isdecimal() and len(text) <= _LONGEST_NUMBER:
        return int(text)
    most = _BEYOND_ANY_RANGE
    return min(max(float(text), -most), most)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
