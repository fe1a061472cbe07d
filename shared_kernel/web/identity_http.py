"""A log's identity, for everyone; its keys, for processes of this Storehouse."""

import ipaddress
from collections.abc import Iterable
from hmac import compare_digest

import attrs
import msgspec
from flask import Response, request

from shared_kernel.doors.scopes import EVENTS, PEER
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import LogKeys
from shared_kernel.web.feed_http import (
    UNKNOWN_SOURCE,
    ServedLog,
    unknown_source,
)
from shared_kernel.web.parameters import integer, read_query
from shared_kernel.web.problems import Problem, kind
from shared_kernel.web.routes import Api, Success

NOT_A_PEER = kind(
    "not-a-peer",
    403,
    "Only processes of this Storehouse learn its keys",
    "`Authorization` is not `Bearer`, a space, and the setting `PEER_TOKEN`; or that "
    "is unset, and the request does not come from the same machine.",
)

_AT = (integer("position", "Of which event to tell.", 0, 2**63 - 1, default=0),)
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")


def add_identities(api: Api, logs: Iterable[ServedLog], token: str | None) -> None:
    """`GET /events/{source}/log` and `/events/{source}/keys`, the latter for peers."""
    by_source = {served.log.source: served.log for served in logs}

    def log_of(source: str) -> EventLog:
        if source not in by_source:
            raise unknown_source(source, by_source)
        return by_source[source]

    @api.route(
        "GET",
        "/events/<source>/log",
        summary="Which log is this?",
        scope=EVENTS,
        peers=True,
        parameters=_AT,
        problems=(UNKNOWN_SOURCE,),
        success=Success(
            description="Its identity, its head, and a digest of the id at `position`.",
            schema={
                "type": "object",
                "required": ["log", "head", "digest"],
                "properties": {
                    "log": {"type": "string"},
                    "head": {"type": "integer", "minimum": 0},
                    "digest": {"type": ["string", "null"]},
                },
            },
        ),
    )
    def read_mark(source: str) -> Response:
        """A reader that remembers its last event can detect a different log.

        Or the same log with another history. The digest is BLAKE2b, eight bytes in
        hexadecimal; null if there was no event at that position.
        """
        asked = read_query(_AT)
        mark = log_of(source).mark(asked["position"])
        digest = None if mark.digest is None else mark.digest.hex()
        return _json({"log": mark.log, "head": mark.head, "digest": digest})

    @api.route(
        "GET",
        "/events/<source>/keys",
        summary="What are its envelopes sealed with, and by whom?",
        scope=PEER,
        problems=(UNKNOWN_SOURCE, NOT_A_PEER),
        success=Success(
            description="Secrets, for processes of this Storehouse.",
            kind=LogKeys,
        ),
    )
    def read_keys(source: str) -> Response:
        """Requires `PEER_TOKEN` if it is set, else a request from this machine."""
        read_query(())
        log = log_of(source)
        if not _is_peer(token):
            raise Problem(
                NOT_A_PEER,
                "the keys of a log are for processes of this Storehouse: set "
                "PEER_TOKEN to the same secret in all of them",
            )
        response = _json(attrs.asdict(log.keys()))
        response.headers["Cache-Control"] = "no-store"
        return response


def _json(document: dict[str, object]) -> Response:
    return Response(msgspec.json.encode(document), content_type="application/json")


def _is_peer(token: str | None) -> bool:
    if token:
        shown = request.headers.get("Authorization", "").encode(errors="replace")
        return compare_digest(shown, f"Bearer {token}".encode())
    # A proxy on this machine forwards requests of others.
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
