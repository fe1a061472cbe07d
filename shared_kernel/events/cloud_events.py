"""Envelopes on the wire: CloudEvents 1.0 (JSON event format, §3 and §4)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import to_us

BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"
MOST_INTEGER = 2**31 - 1
"""Of the type Integer (CloudEvents, §3.1). A position beyond is a string of digits."""


class InvalidCloudEventError(ValueError):
    """The body is no batch of our events. The message says where it is wrong."""


class _Structured(msgspec.Struct, frozen=True):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    key: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    position: int | Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}$")]
    data: msgspec.Raw
    traceparent: str | None = None
    log: str = ""
    previous: str = ""


_batch = msgspec.json.Decoder(list[_Structured])


def to_batch(envelopes: Iterable[Envelope]) -> bytes:
    """A JSON array of structured events; `data` is passed on as it was recorded."""
    return b"[%b]" % b",".join(to_structured(envelope) for envelope in envelopes)


def to_structured(envelope: Envelope) -> bytes:
    """One event as a JSON object, with our extension attributes."""
    position = envelope.position
    attributes: dict[str, object] = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": f"/{envelope.source}",
        "type": envelope.type,
        "subject": envelope.key,
        "time": envelope.time,
        "datacontenttype": "application/json",
        "position": position if position <= MOST_INTEGER else str(position),
        "sequence": str(position),
        "key": envelope.key,
        "partitionkey": envelope.key,
    }
    if envelope.log:
        attributes["log"] = envelope.log
    if envelope.previous:
        attributes["previous"] = envelope.previous
    if envelope.traceparent is not None:
        attributes["traceparent"] = envelope.traceparent
    return msgspec.json.encode(attributes)[:-1] + b',"data":' + envelope.data + b"}"


def from_batch(body: bytes) -> list[Envelope]:
    """The inverse of `to_batch`, exact in `data`. Raises InvalidCloudEventError."""
    try:
        events = _batch.decode(body)
    # Invalid UTF-8 raises another ValueError than DecodeError.
    except ValueError as error:
        raise InvalidCloudEventError(str(error)) from error
    return [
        Envelope(
            position=int(event.position),
            id=event.id,
            source=event.source.removeprefix("/"),
            type=event.type,
            key=event.key,
            time_us=to_us(event.time),
            traceparent=event.traceparent,
            data=bytes(event.data),
            log=event.log,
            previous=event.previous,
        )
        for event in events
    ]
