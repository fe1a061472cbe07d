"""Envelopes as entries of a stream: the attributes are fields, the payload is `data`.

CloudEvents has no binding for Redis: the fields are named as the headers of other
protocols are (`binary_mode`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from shared_kernel.buses import binary_mode
from shared_kernel.buses.envelope import Envelope

DATA = b"data"

Entry = tuple[bytes, Mapping[bytes, bytes]]
"""The id of an entry and its fields, as redis-py returns them."""


def fields_of(envelope: Envelope) -> dict[Any, Any]:
    return {**binary_mode.headers_of(envelope), DATA: envelope.data}


def envelope_of(stream: str, entry: Entry) -> Envelope:
    """An entry of another program has the type that its stream is named after."""
    id_, fields = entry
    headers = {
        _text(name): _text(value) for name, value in fields.items() if name != DATA
    }
    place = f"{stream}:{id_.decode()}"
    return binary_mode.envelope_of(stream, headers, fields.get(DATA, b""), place)


def id_of(envelope: Envelope) -> str:
    """Under which a log's stream has it: its position, and which version it is."""
    return f"{envelope.position}-{binary_mode.version_of(envelope)}"


def entries(answer: Any) -> Sequence[tuple[str, list[Entry]]]:
    """What XREAD and XREADGROUP answer: the new entries of each stream."""
    return [(name.decode(), found) for name, found in answer or ()]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
