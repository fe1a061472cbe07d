"""Envelopes on the wire: CloudEvents 1.0 (JSON event format, §3 and §4)."""

from collections.abc import Iterable

import msgspec

from shared_kernel.events.envelope import Envelope

BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"


def to_batch(envelopes: Iterable[Envelope]) -> bytes:
    """A JSON array of structured events; `data` is passed on as it was recorded."""
    return b"[%b]" % b",".join(to_structured(envelope) for envelope in envelopes)


def to_structured(envelope: Envelope) -> bytes:
    """One event as a JSON object, with the extensions position, key and traceparent."""
    attributes: dict[str, object] = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": f"/{envelope.source}",
        "type": envelope.type,
        "subject": envelope.key,
        "time": envelope.time,
        "datacontenttype": "application/json",
        "position": envelope.position,
        "key": envelope.key,
    }
    if envelope.traceparent is not None:
        attributes["traceparent"] = envelope.traceparent
    return msgspec.json.encode(attributes)[:-1] + b',"data":' + envelope.data + b"}"
