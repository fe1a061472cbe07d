"""Envelopes as messages: CloudEvents' binding for Pub/Sub, in binary mode.

The attributes of the event are attributes of the message, `ce-` before their names.
"""

from collections.abc import Iterator
from typing import Any

from google.pubsub_v1 import types

from shared_kernel.buses import binary_mode
from shared_kernel.buses.envelope import Envelope

MOST_BYTES = 10_000_000
"""Of a request to publish, and so of its messages."""
MOST_MESSAGES = 1000
MOST_BYTES_OF_AN_ATTRIBUTE = 1024
_SPARE = 1000
"""For the name of the topic and what Google adds."""

# The bare messages: wrapped ones take ten times as long.
Message = types.PubsubMessage.pb()


def message_of(envelope: Envelope) -> Any:
    """All events of a log have one ordering key."""
    return Message(
        data=envelope.data,
        attributes=binary_mode.headers_of(envelope),
        ordering_key=envelope.log or envelope.source,
    )


def sizes_and_limits(message: Any, size: int) -> Iterator[tuple[int, int]]:
    """What Google limits of a message of `size`, in bytes."""
    yield size, MOST_BYTES - _SPARE
    # Few messages have that much besides their payload.
    if size - len(message.data) > MOST_BYTES_OF_AN_ATTRIBUTE:
        for value in message.attributes.values():
            yield len(value.encode()), MOST_BYTES_OF_AN_ATTRIBUTE


def size_of(message: Any) -> int:
    """In a request, in bytes."""
    return int(message.ByteSize()) + 8


def envelope_of(subject: str, message: Any) -> Envelope:
    """A message of another program has the type `subject`."""
    place = f"{subject}:{message.message_id}"
    return binary_mode.envelope_of(subject, message.attributes, message.data, place)
