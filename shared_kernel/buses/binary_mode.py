"""Envelopes as messages of a broker: CloudEvents 1.0, binary mode.

The payload alone is the message; the attributes are headers, `ce-` before their names
and written as the HTTP binding has them (§3.1.3.2). So a program without CloudEvents
reads the payload, and one with CloudEvents also reads the attributes.
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, unquote

import msgspec
from uuid_utils import uuid7

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import from_us, system_clock, to_us

CONTENT_TYPE = "application/json"
STRUCTURED = "application/cloudevents+json"

# Printable ASCII except space, quotation mark and percent sign.
_PLAIN = re.compile(r"[\x21\x23\x24\x26-\x7e]*\Z")
_UNSEALED = "..."
_VERSION = re.compile(r"\.v(\d+)\Z")
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def headers_of(envelope: Envelope) -> dict[str, str]:
    """Few headers: each costs about a microsecond on either side."""
    second, us = divmod(envelope.time_us, 1_000_000)
    position = str(envelope.position)
    headers = {
        "ce-specversion": "1.0",
        "ce-id": envelope.id,
        "ce-source": f"/{envelope.source}",
        "ce-type": envelope.type,
        "ce-time": f"{_written(second)}.{us:06}Z",
        "ce-position": position,
        "ce-sequence": position,
        "ce-datacontenttype": CONTENT_TYPE,
        "content-type": CONTENT_TYPE,
    }
    # An attribute must not be empty (§3.1), and a heartbeat has no key.
    if envelope.key:
        headers["ce-subject"] = headers["ce-partitionkey"] = encoded(envelope.key)
    if envelope.traceparent is not None:
        headers["ce-traceparent"] = envelope.traceparent
    if envelope.seal:
        parts = envelope.log, envelope.previous, envelope.relay, envelope.seal
        headers["ce-seal"] = ".".join(parts)
    return headers


def message_id(envelope: Envelope) -> str:
    """Under which a stream knows that it has the message already.

    All versions of an event have its id, but are messages of their own.
    """
    version = _VERSION.search(envelope.type)
    return envelope.id + (version[0] if version else "")


def version_of(envelope: Envelope) -> int:
    """As its type says: `lamp.lit.v2` is the second one."""
    version = _VERSION.search(envelope.type)
    return int(version[1]) if version else 1


def envelope_of(
    subject: str, headers: Mapping[str, str], data: bytes, place: str = ""
) -> Envelope:
    """The inverse of `headers_of`; a foreign message gets position 0.

    A foreign message has no position, and perhaps a source. Without an id it has its
    `place` as id, if there is one, or else a new id. In structured mode the attributes
    and the payload are in the message. Raises nothing: a message with invalid
    attributes counts as foreign.
    """
    content_type = headers.get("content-type") or headers.get("Content-Type", "")
    if content_type.startswith(STRUCTURED):
        headers, data = _unpacked(headers, data)
    try:
        log, previous, relay, seal = headers.get("ce-seal", _UNSEALED).split(".")
        return Envelope(
            position=int(headers["ce-position"]),
            id=headers["ce-id"],
            source=headers["ce-source"].removeprefix("/"),
            type=headers["ce-type"],
            key=unquote(headers.get("ce-subject", "")),
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
            id=unquote(headers.get("ce-id", "")) or place or str(uuid7()),
            source=unquote(headers.get("ce-source", "")),
            type=subject,
            key="",
            time_us=to_us(system_clock()),
            traceparent=headers.get("ce-traceparent") or headers.get("traceparent"),
            data=data,
        )


def _unpacked(
    headers: Mapping[str, str], data: bytes
) -> tuple[Mapping[str, str], bytes]:
    """Headers and payload of a message in structured mode (JSON format, §3).

    Unchanged if it is none, so that its reader refuses it.
    """
    try:
        event = msgspec.json.decode(data, type=_Structured)
        if isinstance(event.data_base64, str):
            payload = base64.b64decode(event.data_base64, validate=True)
        else:
            payload = bytes(event.data)
    except ValueError:
        return headers, data
    attributes = {"ce-id": encoded(event.id), "ce-source": encoded(event.source)}
    if event.traceparent is not None:
        attributes["ce-traceparent"] = event.traceparent
    return {**headers, **attributes}, payload


class _Structured(msgspec.Struct, frozen=True):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: str | None = None
    traceparent: str | None = None


@lru_cache(maxsize=256)
def _written(second: int) -> str:
    """Microseconds since 1970 as an RFC 3339 time, without the zone."""
    return from_us(second * 1_000_000).isoformat()[:19]


def encoded(text: str) -> str:
    """As a header has it: printable ASCII, all else in percent signs."""
    return text if _PLAIN.match(text) else quote(text, safe=_SAFE)
