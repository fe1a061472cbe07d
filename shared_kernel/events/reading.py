"""Reading an event as a class of the reader's own."""

import functools
from typing import TypeVar

import msgspec

from shared_kernel.events.envelope import Envelope
from shared_kernel.events.subscription import UnreadableEventError

T = TypeVar("T")


# Made once for each class: that takes longer than to decode an event.
@functools.cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)


def read_as(kind: type[T], envelope: Envelope) -> T:
    """The fields that `kind` declares; others are ignored.

    Raises UnreadableEventError, naming the event and the field at fault.
    """
    try:
        return _decoder(kind).decode(envelope.data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UnreadableEventError(f"{envelope}: {error}") from error
