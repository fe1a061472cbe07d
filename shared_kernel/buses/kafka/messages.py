"""Envelopes as messages of Kafka: CloudEvents' binding, binary mode.

Headers are named `ce_…`, and their values are UTF-8 (§3.2.3.2), without the percent
signs of other protocols. The key of a message is that of the aggregate.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from confluent_kafka import Message

from shared_kernel.buses import binary_mode
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.kafka.names import Names

Headers = list[tuple[str, bytes]]
_OURS, _THEIRS = "ce-", "ce_"
_POSITION = "ce_position"
_FREE = {"ce-id", "ce-source", "ce-subject"}
"""Attributes whose texts may be any."""
_DIGITS = 19
"""Of the largest position that a log can have."""


def headers_of(envelope: Envelope) -> Headers:
    headers = binary_mode.headers_of(envelope)
    # `content-type` says it (§3.2.1).
    del headers["ce-datacontenttype"]
    if envelope.key:
        headers["ce-subject"] = headers["ce-partitionkey"] = envelope.key
    return [(_named(name), value.encode()) for name, value in headers.items()]


def key_of(envelope: Envelope) -> bytes | None:
    return envelope.key.encode() or None


def envelope_of(names: Names, message: Message) -> Envelope:
    """A message of another program has the type that its topic is named after."""
    topic = message.topic() or ""
    headers = {}
    for name, value in _raw(message):
        headers[_read(name)] = value.decode("utf-8", "replace")
    for name in _FREE & headers.keys():
        headers[name] = binary_mode.encoded(headers[name])
    place = f"{topic}:{message.partition()}:{message.offset()}"
    data = message.value() or b""
    return binary_mode.envelope_of(names.subject_of(topic), headers, data, place)


def position_of(message: Message) -> int:
    """0 if it has none."""
    for name, value in _raw(message):
        if name == _POSITION and value.isdigit() and len(value) <= _DIGITS:
            return int(value)
    return 0


@cache
def _named(name: str) -> str:
    """As the binding of Kafka has it."""
    return _THEIRS + name[3:] if name.startswith(_OURS) else name


@lru_cache(maxsize=1000)
def _read(name: str) -> str:
    """The inverse; there is no end of the names of others."""
    return _OURS + name[3:] if name.startswith(_THEIRS) else name


def _raw(message: Message) -> Iterable[tuple[str, bytes]]:
    """As librdkafka has them; a header may have no value."""
    found: Any = message.headers() or ()
    return ((name, value or b"") for name, value in found)
