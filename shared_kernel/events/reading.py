"""Reading an event as a class of the reader's own."""

from typing import Any, TypeVar

import msgspec

from shared_kernel.events.envelope import Envelope
from shared_kernel.events.subscription import UnreadableEventError

T = TypeVar("T")


# By class, made once: that takes longer than to decode an event.
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}


def read_as(kind: type[T], envelope: Envelope) -> T:
    """The fields that `kind` declares; others are ignored.

    Raises UnreadableEventError, naming the event and the field at fault.
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        read: T = decoder.decode(envelope.data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UnreadableEventError(f"{envelope}: {error}") from error
    return read
