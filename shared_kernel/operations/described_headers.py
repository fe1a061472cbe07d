"""The headers of messages on a bus, as JSON Schema."""

from typing import Any

_TEXT = {"type": "string"}
CLOUD_EVENT: dict[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0, binary mode: attributes are headers. Values are "
    "percent-encoded as in the HTTP binding, §3.1.3.2.",
    "required": [
        "ce-specversion",
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-time",
        "ce-position",
        "ce-sequence",
        "ce-datacontenttype",
        "content-type",
    ],
    "properties": {
        "ce-specversion": {"const": "1.0"},
        "ce-id": _TEXT | {"description": "the event; the same when it comes again"},
        "ce-source": _TEXT | {"description": "the log, after a slash"},
        "ce-type": _TEXT | {"description": "the event's type, as in the subject"},
        "ce-subject": _TEXT | {"description": "the key: events of one are in order"},
        "ce-time": _TEXT | {"format": "date-time", "description": "when it happened"},
        "ce-position": _TEXT
        | {"pattern": "^[0-9]+$", "description": "its place in the log, from 1 on"},
        "ce-sequence": _TEXT | {"description": "the same as `ce-position`"},
        "ce-partitionkey": _TEXT | {"description": "the same as `ce-subject`"},
        "ce-datacontenttype": {"const": "application/json"},
        "content-type": {"const": "application/json"},
        "ce-traceparent": _TEXT | {"description": "W3C Trace Context"},
        "ce-seal": _TEXT | {"description": "proves to Storehouse that it sent this"},
    },
}
