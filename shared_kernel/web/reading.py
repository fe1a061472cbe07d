"""Reading one's own writes over HTTP (`Consistency-Token`)."""

import functools
from collections.abc import Collection, Mapping
from urllib.parse import quote, urlencode

from flask import request

from shared_kernel.events.consistency import (
    Reader,
    ReadModelBehindError,
    UnknownPositionError,
)
from shared_kernel.web.parameters import consistency_token, prefers
from shared_kernel.web.peers import PeerError


def wait_until_visible(
    reader: Reader, timeout_ms: int, *, sources: Collection[str] = ()
) -> None:
    """Wait for the positions in the request's token; its sources must be in `sources`.

    Raises ReadModelBehindError, UnknownPositionError and PeerError, unless the client
    prefers stale data.
    """
    if "Consistency-Token" not in request.headers:
        return
    token = consistency_token({*reader.sources, *sources})
    try:
        reader.wait_for(token, timeout_ms / 1000)
    except (ReadModelBehindError, UnknownPositionError, PeerError):
        if not prefers("handling=lenient"):
            raise


def next_link(**query: str | int | None) -> Mapping[str, str]:
    """The `Link` header to the next page (RFC 8288)."""
    return {"Link": _link(quote(request.path), tuple(query.items()))}


def rather_than_json(media_type: str) -> bool:
    """Whether the client prefers `media_type` (`Accept`, RFC 9110, §12.5.1)."""
    if media_type not in request.headers.get("Accept", ""):
        return False
    offered = ["application/json", media_type]
    return request.accept_mimetypes.best_match(offered) == media_type


@functools.lru_cache(maxsize=256)
def _link(path: str, query: tuple[tuple[str, str | int | None], ...]) -> str:
    asked = {name: value for name, value in query if value is not None}
    return f'<{path}?{urlencode(asked)}>; rel="next"'
