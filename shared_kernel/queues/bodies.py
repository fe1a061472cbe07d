"""What stands in a broker's queue: ids of our rows, and what other programs send.

An id of a row says which database has it. Other programs send a CloudEvent, in binary
mode or in structured mode, or an envelope with a name and a payload as rmq has it, or
the payload alone.
"""

import base64
from collections.abc import Mapping
from typing import Any, Literal

import attrs
import msgspec

from shared_kernel.queues.channel import Entry
from shared_kernel.queues.port import Message

CE_PREFIXES = ("ce-", "ce_")


class _Hint(msgspec.Struct):
    row_of: str
    id: str


class _Envelope(msgspec.Struct):
    id: str
    name: str
    payload: str


class _CloudEvent(msgspec.Struct):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: str | None = None
    traceparent: str | None = None


_encode = msgspec.json.Encoder().encode
_hint = msgspec.json.Decoder(_Hint).decode
_envelope = msgspec.json.Decoder(_Envelope).decode
_event = msgspec.json.Decoder(_CloudEvent).decode


@attrs.frozen(kw_only=True)
class Received:
    """A message as its broker delivered it. `attributes` are its headers, if any.

    `id` is the same whenever it is delivered again. `receipt` is for this delivery.
    """

    id: str
    body: bytes
    receipt: Any
    attributes: Mapping[str, str] = attrs.field(factory=dict)


def hint_of(message: Message, origin: str) -> bytes:
    """Names the row of `message` in the database `origin`. It stays small."""
    return _encode(_Hint(origin, message.id))


def entry_of(received: Received, unnamed: str) -> Entry:
    """What it says; a message without a name gets the name `unnamed`.

    A CloudEvent is the same one if its source and its id are (§3.1), whatever the
    broker calls it. Each can be stored: what is no JSON is refused by who processes it.
    """
    try:
        hint = _hint(received.body)
        return Entry(place=received, row=hint.id, origin=hint.row_of)
    except (ValueError, RecursionError):
        pass
    message, known_by = _foreign(received, unnamed)
    known_by = known_by or f"id {received.id}"
    return Entry(place=received, message=message, known_by=known_by)


def _foreign(received: Received, unnamed: str) -> tuple[Message, str]:
    attributes, body = received.attributes, received.body
    prefix = next((each for each in CE_PREFIXES if f"{each}type" in attributes), "")
    trace = attributes.get(f"{prefix}traceparent") or attributes.get("traceparent")
    if prefix:
        known_by = _same(
            attributes.get(f"{prefix}source", ""), attributes.get(f"{prefix}id", "")
        )
        return _message(attributes[f"{prefix}type"], body, trace), known_by
    try:
        event = _event(body)
        return (
            _message(event.type, _data(event), event.traceparent or trace),
            _same(event.source, event.id),
        )
    except (ValueError, RecursionError):
        pass
    try:
        envelope = _envelope(body)
        if "\0" not in envelope.payload:
            return _message(envelope.name, envelope.payload.encode(), trace), ""
    except (ValueError, RecursionError):
        pass
    return _message(unnamed, body, trace), ""


def _data(event: _CloudEvent) -> bytes:
    if event.data_base64 is not None:
        return base64.b64decode(event.data_base64, validate=True)
    return bytes(event.data)


def _message(name: str, body: bytes, traceparent: str | None) -> Message:
    # Bytes that are no UTF-8, and NUL, become escapes that JSON does not know.
    text = body.decode(errors="backslashreplace").replace("\0", "\\x00")
    return Message(name=name.replace("\0", "�"), payload=text, traceparent=traceparent)


def _same(source: str, event: str) -> str:
    return f"event {source} {event}" if source and event else ""
