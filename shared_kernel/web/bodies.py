"""Request bodies: read once, validated by a schema, with all faults reported."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import jsonschema_rs
import msgspec
from flask import request

from shared_kernel.web.body_faults import faults, repeated_key, too_deep
from shared_kernel.web.problems import (
    BODY_TOO_LARGE,
    INVALID_BODY,
    INVALID_VALUE,
    MALFORMED_JSON,
    MISSING_FIELD,
    OUT_OF_RANGE,
    REQUEST_TIMEOUT,
    UNKNOWN_FIELD,
    UNSUPPORTED_MEDIA_TYPE,
    WRONG_TYPE,
    Problem,
    too_large,
)

T = TypeVar("T")
MAX_BODY_BYTES = 1024 * 1024
_REF = "#/components/schemas/{name}"
_BEYOND_ANY_RANGE = 10**300
_LONGEST_NUMBER = 300


class Body(Generic[T]):
    """A JSON body that becomes an instance of `kind`, an attrs class.

    Its annotations make the schema; only its fields are accepted. A `description` in
    them says what a client should send.
    """

    problems = (
        MALFORMED_JSON,
        REQUEST_TIMEOUT,
        BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        UNKNOWN_FIELD,
        MISSING_FIELD,
        WRONG_TYPE,
        OUT_OF_RANGE,
        INVALID_VALUE,
        INVALID_BODY,
    )

    def __init__(self, kind: type[T]) -> None:
        self.kind = kind
        compiled = _compiled(kind)  # type: ignore[arg-type] # mypy: unhashable type[T]
        self.reference, self.components, self._schema, self._validator = compiled

    @property
    def content(self) -> Mapping[str, Any]:
        """The schema of each media type, as OpenAPI describes it."""
        return {"application/json": self.reference}

    def read(self) -> T:
        """The body of the current request. Raises Problem."""
        _accept_media_type()
        raw = body_bytes()
        try:
            value = msgspec.json.decode(raw)
        except msgspec.ValidationError:
            self._validate(_with_bounded_numbers(raw))
            raise Problem(OUT_OF_RANGE, "a number is too large") from None
        except msgspec.DecodeError as error:
            raise Problem(MALFORMED_JSON, str(error)) from None
        except UnicodeDecodeError as error:
            detail = f"expected UTF-8, got something else (byte {error.start})"
            raise Problem(MALFORMED_JSON, detail) from None
        except RecursionError:
            raise too_deep() from None
        self._validate(value)
        # Each key has a colon, so the counts agree unless a text contains a colon.
        if raw.count(b":") != _count_keys(value):
            _refuse_repeated_keys(raw)
        # Not strict: 5.0 is an integer in JSON Schema, and so it is here.
        return msgspec.convert(value, self.kind, strict=False)

    def _validate(self, value: Any) -> None:
        try:
            if self._validator.is_valid(value):
                return
            problem = faults(self._schema, self._validator.iter_errors(value))
        except ValueError:
            # The validator follows 255 levels, far more than any valid body has.
            raise too_deep() from None
        raise problem


# Many applications of one process have the same bodies: those of its tests.
@functools.cache
def _compiled(
    kind: type,
) -> tuple[
    dict[str, Any],
    dict[str, Any],
    dict[str, Any],
    jsonschema_rs.Draft202012Validator,
]:
    """A reference to the schema, its components, both in one, and its validator."""
    (reference,), components = schemas_of([kind])
    schema = {**reference, "components": {"schemas": components}}
    # Masked: a message never repeats the client's value, which may be long.
    validator = jsonschema_rs.Draft202012Validator(schema, mask="the value")
    return reference, components, schema, validator


def schemas_of(kinds: Sequence[type]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A reference for each of `kinds`, and the components they refer to."""
    references, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    for schema in components.values():
        if schema.get("type") == "object":
            schema["additionalProperties"] = False
    return list(references), components


def body_bytes() -> bytes:
    """The body as it was sent. May be called again. Raises Problem."""
    raw = request.get_data()
    if (
        len(raw) == MAX_BODY_BYTES
        and request.content_length is None
        # Werkzeug silently cuts a body of unknown length at the limit.
        and request.environ["wsgi.input"].read(1)
    ):
        raise too_large()
    return raw


def _accept_media_type() -> None:
    if request.content_type == "application/json":
        return
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in ("utf-8", "utf8"):
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type is {request.content_type!r}, expected 'application/json'",
            headers={"Accept": "application/json"},
        )


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
    found = next(_repeated_keys(json.loads(raw, object_pairs_hook=_Pairs), ()), None)
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
        raise Problem(MALFORMED_JSON, str(error)) from None


def _bounded(text: str) -> float:
    if text.lstrip("-").isdecimal() and len(text) <= _LONGEST_NUMBER:
        return int(text)
    most = _BEYOND_ANY_RANGE
    return min(max(float(text), -most), most)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
