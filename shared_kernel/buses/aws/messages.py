"""Envelopes as texts: CloudEvents 1.0, structured mode (JSON event format, §3).

SQS allows ten attributes of a message, and an event has more. All are in the body.
"""

import base64
from datetime import datetime
from typing import Literal

import msgspec

from shared_kernel.buses import binary_mode
from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import to_us

MOST_INTEGER = 2**31 - 1
"""Of the type Integer (CloudEvents, §3.1). A position beyond is a string of digits."""
_NOT_CARRIED = "\ufffe", "\uffff"
"""Of the characters that JSON does not escape, SQS refuses these."""


class _Event(msgspec.Struct, frozen=True):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: datetime
    position: int | str
    subject: str = ""
    traceparent: str | None = None
    seal: str = "..."
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: str | None = None


_events = msgspec.json.Decoder(_Event)


def body_of(envelope: Envelope) -> str:
    position = envelope.position
    attributes: dict[str, object] = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": f"/{envelope.source}",
        "type": envelope.type,
        "time": binary_mode.headers_of(envelope)["ce-time"],
        "datacontenttype": binary_mode.CONTENT_TYPE,
        "position": position if position <= MOST_INTEGER else str(position),
        "sequence": str(position),
    }
    if envelope.key:
        attributes["subject"] = attributes["partitionkey"] = envelope.key
    if envelope.traceparent is not None:
        attributes["traceparent"] = envelope.traceparent
    if envelope.seal:
        parts = envelope.log, envelope.previous, envelope.relay, envelope.seal
        attributes["seal"] = ".".join(parts)
    data = envelope.data
    if not _is_carried(data):
        attributes["data_base64"] = base64.b64encode(data).decode()
    text = msgspec.json.encode(attributes).decode()
    for character in _NOT_CARRIED:
        text = text.replace(character, f"\\u{ord(character):04x}")
    if "data_base64" in attributes:
        return text
    return f'{text[:-1]},"data":{data.decode()}}}'


def envelope_of(subject: str, body: str, place: str) -> Envelope:
    """The inverse of `body_of`; anything else is a foreign message of type `subject`.

    Its payload is the body, or the data of a CloudEvent; without an id it has its
    `place` as id.
    """
    raw = body.encode("utf-8", "replace")
    try:
        event = _events.decode(raw)
        log, previous, relay, seal = event.seal.split(".")
        return Envelope(
            position=int(event.position),
            id=event.id,
            source=event.source.removeprefix("/"),
            type=event.type,
            key=event.subject,
            time_us=to_us(event.time),
            traceparent=event.traceparent,
            data=_data(event),
            log=log,
            previous=previous,
            relay=relay,
            seal=seal,
        )
    # TypeError: a time without a zone.
    except (ValueError, TypeError, OverflowError):
        headers = {"content-type": binary_mode.STRUCTURED}
        return binary_mode.envelope_of(subject, headers, raw, place)


def _data(event: _Event) -> bytes:
    if event.data_base64 is None:
        return bytes(event.data)
    return base64.b64decode(event.data_base64, validate=True)


def _is_carried(data: bytes) -> bool:
    """Whether it arrives as JSON just as it is, to the byte."""
    try:
        same = bytes(msgspec.json.decode(data, type=msgspec.Raw)) == data
        text = data.decode()
    except ValueError:
        return False
    return same and not any(each in text for each in _NOT_CARRIED)
