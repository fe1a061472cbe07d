"""The trace a request belongs to (W3C Trace Context, §3.2: `traceparent`)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from flask import request

from shared_kernel.events.unit_of_work import current_traceparent

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z"
)


def traceparent() -> str | None:
    """None if it is missing or invalid (§4.3)."""
    header: str | None = request.environ.get("HTTP_TRACEPARENT")
    return header if header is not None and _TRACEPARENT.match(header) else None


@contextmanager
def within(trace: str | None) -> Iterator[None]:
    """Events recorded within this context belong to `trace`."""
    before = current_traceparent.set(trace)
    try:
        yield
    finally:
        current_traceparent.reset(before)
