"""Request bodies: read once, held against a schema, all faults told at once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import jsonschema_rs
import msgspec
from flask import request

from shared_kernel.adapters.web.problems import (
    INVALID_BODY,
    INVALID_VALUE,
    KINDS,
    MALFORMED_JSON,
    MISSING_FIELD,
    OUT_OF_RANGE,
    UNKNOWN_FIELD,
    UNSUPPORTED_MEDIA_TYPE,
    WRONG_TYPE,
    Problem,
    ProblemKind,
)
from shared_kernel.domain.errors import InvalidValue

T = TypeVar("T")
MAX_BODY_BYTES = 1024 * 1024
_REF = "#/components/schemas/{name}"


class Body(Generic[T]):
    """A JSON body that becomes an instance of `kind`, an attrs class.

    Its annotations make the schema; nothing but its fields is accepted.
    """

    def __init__(self, kind: type[T]) -> None:
        self.kind = kind
        (self.reference,), self.components = schemas_of([kind])
        self._validator = jsonschema_rs.Draft202012Validator(
            {**self.reference, "components": {"schemas": self.components}}
        )

    def read(self) -> T:
        """The body of the current request. Raises Problem."""
        value = _json()
        if not self._validator.is_valid(value):
            raise _faults(list(_listed(self._validator.iter_errors(value))))
        # Not strict: 5.0 is a whole number to JSON Schema, and so it is here.
        return msgspec.convert(value, self.kind, strict=False)


def schemas_of(kinds: Sequence[type]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A reference for each of `kinds`, and the components they refer to."""
    references, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    for schema in components.values():
        if schema.get("type") == "object":
            schema["additionalProperties"] = False
    return list(references), components


def invalid_value(error: InvalidValue) -> Problem:
    """The domain's own word on a value, with the field as a pointer."""
    pointer = "/" + error.field.replace(".", "/")
    return _faults([_fault(INVALID_VALUE, pointer, f"expected {error.expected}")])


def _json() -> Any:
    mimetype, options = request.mimetype, request.mimetype_params
    if mimetype != "application/json" or (
        options.get("charset", "utf-8").lower() not in ("utf-8", "utf8")
    ):
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type is {request.content_type!r}, expected 'application/json'",
            headers={"Accept": "application/json"},
        )
    try:
        return msgspec.json.decode(request.get_data(cache=False))
    except msgspec.MsgspecError as error:
        raise Problem(MALFORMED_JSON, str(error)) from None
    except (RecursionError, UnicodeDecodeError):
        raise Problem(MALFORMED_JSON, "too deeply nested, or not UTF-8") from None


def _faults(errors: Sequence[Mapping[str, Any]]) -> Problem:
    types = {error["type"] for error in errors}
    kind = INVALID_BODY if len(types) > 1 else KINDS[types.pop().rsplit("/")[-1]]
    first = errors[0]
    place = first["pointer"] or "the body"
    more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
    return Problem(kind, f"{place}: {first['detail']}{more}", errors)


def _fault(kind: ProblemKind, pointer: str, detail: str) -> dict[str, Any]:
    return {"type": kind.type, "pointer": pointer, "detail": detail}


def _listed(
    errors: Iterator[jsonschema_rs.ValidationError],
) -> Iterator[dict[str, Any]]:
    for error in errors:
        pointer = _pointer(error.instance_path)
        of: Any = error.kind
        match of.name:
            case "additionalProperties":
                for name in of.unexpected:
                    yield _fault(
                        UNKNOWN_FIELD, pointer + _pointer([name]), "no such field"
                    )
            case "required":
                yield _fault(
                    MISSING_FIELD, pointer + _pointer([of.property]), "is required"
                )
            case "anyOf":
                yield from _listed(iter(_nearest(of.context)))
            case "type":
                types = " or ".join(sorted(of.types))
                yield _fault(WRONG_TYPE, pointer, f"expected {types}")
            case "minimum":
                yield _fault(OUT_OF_RANGE, pointer, f"expected at least {of.limit}")
            case "maximum":
                yield _fault(OUT_OF_RANGE, pointer, f"expected at most {of.limit}")
            case "pattern":
                detail = "expected text that is not blank, without control characters"
                yield _fault(INVALID_VALUE, pointer, detail)
            case _:
                yield _fault(INVALID_VALUE, pointer, error.message)


def _nearest(
    branches: Sequence[Sequence[jsonschema_rs.ValidationError]],
) -> Sequence[jsonschema_rs.ValidationError]:
    """Of what the branches complain about, that of the one that was probably meant.

    A branch that does not even like the type is not; the last one is if none does.
    """
    for errors in branches:
        depth = len(errors[0].instance_path) if errors else 0
        if not any(
            error.kind.name == "type" and len(error.instance_path) == depth
            for error in errors
        ):
            return errors
    return branches[0]


def _pointer(path: Sequence[str | int]) -> str:
    """RFC 6901."""
    return "".join(
        "/" + str(token).replace("~", "~0").replace("/", "~1") for token in path
    )
