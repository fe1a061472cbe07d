"""Errors as problem details (RFC 9457): a stable type, and what is expected."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
import msgspec
import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from shared_kernel.clock import rfc3339
from shared_kernel.domain.errors import DomainError
from shared_kernel.events.consistency import ReadModelBehindError, UnknownPositionError
from shared_kernel.storage.errors import OutcomeUnknownError, is_fault
from shared_kernel.web.peers import PeerError
from shared_kernel.web.tracing import traceparent

MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger(__name__)


@attrs.frozen
class ProblemKind:
    """One kind of problem; its `slug` never changes."""

    slug: str
    status: int
    title: str
    explanation: str

    @property
    def type(self) -> str:
        """A URI reference to the explanation, if there is one."""
        return f"/problems/{self.slug}" if self.explanation else "about:blank"


def kind(slug: str, status: int, title: str, explanation: str) -> ProblemKind:
    """Define a kind of problem; `/docs` lists it."""
    return KINDS.setdefault(slug, ProblemKind(slug, status, title, explanation))


KINDS: dict[str, ProblemKind] = {}

MALFORMED_JSON = kind(
    "malformed-json",
    400,
    "The body is not JSON",
    "`detail` says where it breaks off, or which key is given more than once.",
)
INVALID_PARAMETER = kind(
    "invalid-parameter",
    400,
    "A parameter or header is not as it should be",
    "`errors` names each, and what would be right.",
)
UNKNOWN_POSITION = kind(
    "unknown-position",
    400,
    "The log has no such position",
    "`Consistency-Token` names a position that no write has answered: the log of "
    "`source` ends at `end`. Send the token of a write as it is.",
)
NOT_FOUND = kind("not-found", 404, "There is nothing here", "Look at /docs.")
METHOD_NOT_ALLOWED = kind(
    "method-not-allowed",
    405,
    "The method is not allowed",
    "`Allow` names those that are.",
)
UNKNOWN_SKU = kind("unknown-sku", 404, "The SKU is not known", "Nothing has this SKU.")
REQUEST_TIMEOUT = kind(
    "request-timeout",
    408,
    "The body did not come in time",
    "Nothing was done, and the connection is closed. Send it again, and faster.",
)
STALE_VERSION = kind(
    "stale-version",
    412,
    "It has changed since you saw it",
    "`If-Match` names a version that is no longer the current one. Read it again.",
)
PRECONDITION_FAILED = kind(
    "precondition-failed",
    412,
    "It is not as the request expects",
    "`If-Match` or `If-None-Match` excludes the state that it is in, see `detail`.",
)
BODY_TOO_LARGE = kind(
    "body-too-large",
    413,
    "The body is too large",
    "A body has at most 1 MiB, a file as much as `detail` says.",
)
UNSUPPORTED_MEDIA_TYPE = kind(
    "unsupported-media-type",
    415,
    "The body's type is not supported",
    "Send `Content-Type: application/json`, in UTF-8.",
)
UNKNOWN_FIELD = kind(
    "unknown-field", 422, "A field is not known", "`errors` points to each such field."
)
MISSING_FIELD = kind(
    "missing-field", 422, "A field is missing", "`errors` points to each such field."
)
WRONG_TYPE = kind(
    "wrong-type", 422, "A value is of the wrong type", "`errors` says which is right."
)
OUT_OF_RANGE = kind(
    "out-of-range", 422, "A number is out of range", "`errors` says how far it goes."
)
INVALID_VALUE = kind(
    "invalid-value", 422, "A value is not accepted", "`errors` says what would be."
)
INVALID_BODY = kind(
    "invalid-body",
    422,
    "The body has several faults",
    "`errors` lists them all, each with a type of its own.",
)
UNEXPECTED_BODY = kind(
    "unexpected-body",
    422,
    "A body is given where none is expected",
    "Nothing was done: what the body asks for is not known here. Send none, or `{}`.",
)
IDEMPOTENCY_KEY_REUSED = kind(
    "idempotency-key-reused",
    422,
    "The key belongs to another request",
    "An `Idempotency-Key` is for one request and its repetitions. Take a new one.",
)
INTERNAL_ERROR = kind(
    "internal-error",
    500,
    "Something went wrong here",
    "The log of the server says what.",
)
READ_MODEL_BEHIND = kind(
    "read-model-behind",
    503,
    "What you wrote is not visible yet",
    "The read model did not come as far as `Consistency-Token` asks within the time "
    "allowed, or too many wait for it. Try again, or send `Prefer: handling=lenient` "
    "to read what there is.",
)
UNAVAILABLE = kind(
    "unavailable", 503, "Storage is not available now", "Nothing was done. Try again."
)
OUTCOME_UNKNOWN = kind(
    "outcome-unknown",
    503,
    "Whether it was done is not known",
    "Storage went away at the very end: all of the request was done, or nothing. Send "
    "it again; with the same `Idempotency-Key` it is not done twice.",
)
PEER_UNAVAILABLE = kind(
    "peer-unavailable",
    503,
    "Another part of Storehouse does not answer",
    "`peer` names the part that is needed for this. What does not need it goes on. Try "
    "again.",
)

_OF_STATUS = {
    404: NOT_FOUND,
    405: METHOD_NOT_ALLOWED,
    408: REQUEST_TIMEOUT,
    413: BODY_TOO_LARGE,
    415: UNSUPPORTED_MEDIA_TYPE,
}
RETRY_AFTER_S = "1"


class Problem(Exception):
    """An error for the client. `errors` name the place and say what is expected."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.members = members

    def response(self) -> Response:
        document = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            **({"errors": self.errors} if self.errors else {}),
            **self.members,
        }
        # The client may have sent half a surrogate pair, which cannot be encoded.
        return Response(
            msgspec.json.encode(_encodable(document)),
            self.kind.status,
            self.headers,
            content_type=MEDIA_TYPE,
        )


def refusal_response(
    error: DomainError, kinds: Mapping[type[DomainError], ProblemKind]
) -> Response:
    """A refusal as a problem: its fields that are not None become members of it."""
    members = {
        name: value
        for name, value in attrs.asdict(error).items()
        if value is not None and name not in ("type", "title", "status", "detail")
    }
    return Problem(kinds[type(error)], str(error), **members).response()


def answer_errors_with_problems(app: Flask) -> None:
    """All errors become problems: never HTML, never a stack trace."""
    app.register_error_handler(Problem, lambda problem: problem.response())
    app.register_error_handler(ReadModelBehindError, _behind)
    app.register_error_handler(UnknownPositionError, _unknown_position)
    app.register_error_handler(PeerError, _peer_away)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unexpected)


def _behind(error: ReadModelBehindError) -> Response:
    behind = error.behind
    return Problem(
        READ_MODEL_BEHIND,
        str(error),
        headers={"Retry-After": RETRY_AFTER_S},
        source=behind.source,
        wanted=behind.wanted,
        reached=behind.reached,
        lag_events=behind.lag_events,
    ).response()


def _unknown_position(error: UnknownPositionError) -> Response:
    return Problem(
        UNKNOWN_POSITION,
        str(error),
        source=error.source,
        position=error.position,
        end=error.end,
    ).response()


def _peer_away(error: PeerError) -> Response:
    return Problem(
        PEER_UNAVAILABLE,
        str(error),
        headers={"Retry-After": RETRY_AFTER_S},
        peer=error.peer,
    ).response()


def too_large() -> Problem:
    """The rest of the body is not read, so the connection must be closed."""
    most_mib = (request.max_content_length or 0) // 1024**2
    return Problem(
        BODY_TOO_LARGE,
        f"the body is larger than {most_mib} MiB",
        headers={"Connection": "close"},
    )


def _http_exception(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return too_large().response()
    status = error.code or 500
    if status < 400:
        return Response(error.get_response().get_data(), status, error.get_headers())
    known = _OF_STATUS.get(status)
    if known is None:
        known = ProblemKind("", status, error.name, "")
    allow = [value for name, value in error.get_headers() if name == "Allow"]
    detail = f"{request.method} {request.path}"
    if known is not NOT_FOUND:
        detail += f": {error.description}"
    return Problem(
        known,
        detail,
        headers={"Allow": allow[0]} if allow else None,
    ).response()


def _unexpected(error: Exception) -> Response:
    of = {"method": request.method, "path": request.path, "traceparent": traceparent()}
    if is_fault(error):
        _log.warning("storage unavailable", error=str(error), **of)
        retry = {"Retry-After": RETRY_AFTER_S}
        if isinstance(error, OutcomeUnknownError):
            return Problem(OUTCOME_UNKNOWN, "storage is gone", headers=retry).response()
        return Problem(UNAVAILABLE, "storage is busy or gone", headers=retry).response()
    _log.exception("request failed", **of)
    return Problem(INTERNAL_ERROR, "the request could not be carried out").response()


def _encodable(value: Any) -> Any:
    """`value` for a problem document: what JSON cannot hold is shown as text."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {_encodable(name): _encodable(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(member) for member in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return rfc3339(value)
    return _encodable(str(value))
