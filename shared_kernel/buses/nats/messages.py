"""Envelopes as NATS messages: CloudEvents 1.0, binary mode.

The payload alone is the message; the attributes are headers, `ce-` before their names
and written as the HTTP binding has them (§3.1.3.2). So a program that knows nothing of
CloudEvents reads the payload, and one that does reads the rest.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote, unquote

from uuid_utils import uuid7

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import from_us, system_clock, to_us

MESSAGE_ID = "Nats-Msg-Id"
CONTENT_TYPE = "application/json"

# Printable ASCII, but for space, quotation mark and percent.
_PLAIN = re.compile(r"[\x21\x23\x24\x26-\x7e]*\Z")
_UNSEALED = "..."
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def headers_of(envelope: Envelope) -> dict[str, str]:
    """Each header costs about a microsecond on either side, more than what it says."""
    second, us = divmod(envelope.time_us, 1_000_000)
    headers = {
        "ce-specversion": "1.0",
        "ce-id": envelope.id,
        "ce-source": f"/{envelope.source}",
        "ce-type": envelope.type,
        "ce-subject": _encoded(envelope.key),
        "ce-time": f"{_written(second)}.{us:06}Z",
        "ce-position": str(envelope.position),
        "content-type": CONTENT_TYPE,
    }
    if envelope.traceparent is not None:
        headers["ce-traceparent"] = envelope.traceparent
    if envelope.seal:
        parts = envelope.log, envelope.previous, envelope.relay, envelope.seal
        headers["ce-seal"] = ".".join(parts)
    return headers


def read_headers(raw: bytes) -> dict[str, str]:
    """From `name: value` lines. No name that anybody asks for has an odd character."""
    headers = {}
    for line in raw.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip()] = value.strip()
    return headers


def envelope_of(
    subject: str, headers: Mapping[str, str] | None, data: bytes, place: str = ""
) -> Envelope:
    """What `headers_of` was made of; or a stranger's message, at position 0.

    A stranger gives no position, and a source if it likes. Its id is that of the
    message, or else `place`, where the message has one, or else a new one. Raises
    nothing, whatever anybody sent: attributes that mean nothing make it a stranger's.
    """
    headers = headers or {}
    try:
        log, previous, relay, seal = headers.get("ce-seal", _UNSEALED).split(".")
        return Envelope(
            position=int(headers["ce-position"]),
            id=headers["ce-id"],
            source=headers["ce-source"].removeprefix("/"),
            type=headers["ce-type"],
            key=unquote(headers["ce-subject"]),
            time_us=to_us(datetime.fromisoformat(headers["ce-time"])),
            traceparent=headers.get("ce-traceparent"),
            data=data,
            log=log,
            previous=previous,
            relay=relay,
            seal=seal,
        )
    # TypeError: a time without a zone.
    except (KeyError, ValueError, TypeError, OverflowError):
        return Envelope(
            position=0,
            id=headers.get("ce-id") or headers.get(MESSAGE_ID) or place or str(uuid7()),
            source=headers.get("ce-source", ""),
            type=subject,
            key="",
            time_us=to_us(system_clock()),
            traceparent=headers.get("ce-traceparent") or headers.get("traceparent"),
            data=data,
        )


@lru_cache(maxsize=256)
def _written(second: int) -> str:
    """Since 1970, as RFC 3339 has it, without the zone."""
    return from_us(second * 1_000_000).isoformat()[:19]


def _encoded(text: str) -> str:
    return text if _PLAIN.match(text) else quote(text, safe=_SAFE)
