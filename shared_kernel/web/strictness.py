"""What a route does not read is refused instead of ignored: bodies, preconditions."""

import functools
from collections.abc import Callable

import attrs
import msgspec
from flask import Response, request

from shared_kernel.documents.faults import MOST_FAULTS, pointer_to
from shared_kernel.web.bodies import body_bytes
from shared_kernel.web.known_hosts import READING
from shared_kernel.web.preconditions import (
    IF_MATCH,
    IF_NONE_MATCH,
    of_representation,
    refuse_preconditions,
)
from shared_kernel.web.problems import UNEXPECTED_BODY, UNKNOWN_FIELD, Problem

IF_UNMODIFIED = "If-Unmodified-Since"
_PRECONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_UNMODIFIED_SINCE")


@attrs.frozen(kw_only=True)
class Strictness:
    """Of one route. `conditional`: its view reads the preconditions of a command.

    `tagged`: the ETag of what is read changes with all of it.
    """

    method: str
    takes_body: bool
    conditional: bool
    tagged: bool

    def applied_to(self, view: Callable[..., Response]) -> Callable[..., Response]:
        @functools.wraps(view)
        def strict(**path: str) -> Response:
            environ = request.environ
            if not self.takes_body and (
                environ.get("CONTENT_LENGTH", "0") not in ("", "0")
                or "HTTP_TRANSFER_ENCODING" in environ
            ):
                refuse_body()
            for name in _PRECONDITIONS:
                if name in environ:
                    return self._conditionally(view, path)
            return view(**path)

        return strict

    def _conditionally(
        self, view: Callable[..., Response], path: dict[str, str]
    ) -> Response:
        # Nothing here has a date of modification that it could be compared with.
        refuse_preconditions(IF_UNMODIFIED)
        if self.conditional:
            return view(**path)
        if self.method not in READING:
            refuse_preconditions(IF_MATCH, IF_NONE_MATCH)
        if not self.tagged:
            refuse_preconditions(IF_NONE_MATCH)
        return of_representation(view(**path))


def refuse_body() -> None:
    """Raises Problem unless the body is empty, or an empty object.

    Many clients send `{}` with every POST; it asks for nothing.
    """
    raw = body_bytes().strip()
    if raw in (b"", b"{}"):
        return
    try:
        fields = list(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = []
    if not fields and raw.startswith(b"{") and raw[1:-1].strip() == b"":
        return
    raise Problem(
        UNEXPECTED_BODY,
        f"{pointer_to(fields[:1]) or 'the body'}: expected no body",
        [
            {
                "type": UNKNOWN_FIELD.type,
                "pointer": pointer_to([name]),
                "detail": "no such field",
            }
            for name in fields[:MOST_FAULTS]
        ],
    )
