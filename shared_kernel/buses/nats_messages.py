"""Envelopes as NATS messages: CloudEvents 1.0, binary mode.

The payload alone is the message; the attributes are headers, `ce-` before their names
and written as the HTTP binding has them (§3.1.3.2). So a program that knows nothing of
CloudEvents reads the payload, and one that does reads the rest.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, unquote

from uuid_utils import uuid7

from shared_kernel.adapters.clock import system_clock, to_us
from shared_kernel.events.envelope import Envelope

MESSAGE_ID = "Nats-Msg-Id"
CONTENT_TYPE = "application/json"

# Printable ASCII, but for space, quotation mark and percent.
_PLAIN = re.compile(r"[\x21\x23\x24\x26-\x7e]*\Z")
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def headers_of(envelope: Envelope) -> dict[str, str]:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": envelope.id,
        "ce-source": f"/{envelope.source}",
        "ce-type": envelope.type,
        "ce-subject": _encoded(envelope.key),
        "ce-time": envelope.time.isoformat().replace("+00:00", "Z"),
        "ce-position": str(envelope.position),
        "ce-key": _encoded(envelope.key),
        "content-type": CONTENT_TYPE,
    }
    if envelope.traceparent is not None:
        headers["ce-traceparent"] = envelope.traceparent
    # What is not sealed has none of these; each header costs more than what it says.
    if envelope.seal:
        headers["ce-log"] = envelope.log
        headers["ce-seal"] = f"{envelope.seal}.{envelope.relay}.{envelope.previous}"
    return headers


def envelope_of(
    subject: str, headers: Mapping[str, str] | None, data: bytes, place: str = ""
) -> Envelope:
    """What `headers_of` was made of; or a stranger's message, at position 0.

    A stranger gives no position, and no source that means anything. Its id is that of
    the message, or else `place`, where the message has one, or else a new one. Raises
    nothing, whatever anybody sent: attributes that mean nothing make it a stranger's.
    """
    headers = headers or {}
    seal, _, rest = headers.get("ce-seal", "").partition(".")
    relay, _, previous = rest.partition(".")
    try:
        return Envelope(
            position=int(headers["ce-position"]),
            id=headers["ce-id"],
            source=headers["ce-source"].removeprefix("/"),
            type=headers["ce-type"],
            key=unquote(headers["ce-key"]),
            time_us=to_us(datetime.fromisoformat(headers["ce-time"])),
            traceparent=headers.get("ce-traceparent"),
            data=data,
            log=headers.get("ce-log", ""),
            previous=previous,
            relay=relay,
            seal=seal,
        )
    # TypeError: a time without a zone.
    except (KeyError, ValueError, TypeError, OverflowError):
        return Envelope(
            position=0,
            id=headers.get("ce-id") or headers.get(MESSAGE_ID) or place or str(uuid7()),
            source="",
            type=subject,
            key="",
            time_us=to_us(system_clock()),
            traceparent=headers.get("ce-traceparent") or headers.get("traceparent"),
            data=data,
        )


def _encoded(text: str) -> str:
    return text if _PLAIN.match(text) else quote(text, safe=_SAFE)
