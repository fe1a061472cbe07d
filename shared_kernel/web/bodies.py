"""Request bodies: read once, validated by a schema, with all faults reported."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from flask import request

from shared_kernel.documents.faults import DocumentError, Fault, FaultKind, faulty
from shared_kernel.documents.schema import Schema
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.web.problems import (
    BODY_TOO_LARGE,
    INVALID_BODY,
    INVALID_VALUE,
    KINDS,
    MALFORMED_JSON,
    MISSING_FIELD,
    OUT_OF_RANGE,
    REQUEST_TIMEOUT,
    UNKNOWN_FIELD,
    UNSUPPORTED_MEDIA_TYPE,
    WRONG_TYPE,
    Problem,
    ProblemKind,
    too_large,
)

T = TypeVar("T")
MAX_BODY_BYTES = 1024 * 1024


class Body(Generic[T]):
    """A JSON body that becomes an instance of `kind`, an attrs class.

    Its annotations make the schema; only its fields are accepted. A `description` in
    them says what a client should send. Unless it is `required`, a request without a
    body means an instance of defaults.
    """

    problems: Sequence[ProblemKind] = (
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

    def __init__(self, kind: type[T], *, required: bool = True) -> None:
        self.kind = kind
        self.required = required
        self._schema = Schema(kind)
        self.components = self._schema.components

    @property
    def content(self) -> Mapping[str, Any]:
        """The schema of each media type, as OpenAPI describes it."""
        return {"application/json": self._schema.reference}

    def read(self) -> T:
        """The body of the current request. Raises Problem."""
        if not self.required and not body_bytes():
            return self.kind()
        _accept_media_type()
        try:
            return self._schema.read(body_bytes())
        except DocumentError as error:
            raise problem_of(error) from None


def problem_of(error: DocumentError) -> Problem:
    """All faults as one problem: of their kind, if they all have the same."""
    kinds = {KINDS[kind] for kind in error.kinds}
    return Problem(
        INVALID_BODY if len(kinds) > 1 else kinds.pop(),
        error.detail,
        [
            {
                "type": KINDS[fault.kind].type,
                "pointer": fault.pointer,
                "detail": fault.detail,
            }
            for fault in error.faults
        ],
    )


def invalid_value(error: InvalidValue) -> Problem:
    """A refusal of a value by the domain, with the field as a pointer."""
    pointer = "/" + error.field.replace(".", "/")
    fault = Fault(FaultKind.INVALID_VALUE, pointer, f"expected {error.expected}")
    return problem_of(faulty([fault]))


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
