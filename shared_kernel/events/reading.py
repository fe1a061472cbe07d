"""Reading an event as a class of the reader's own."""

from typing import TypeVar

import msgspec

from shared_kernel.events.envelope import Envelope
from shared_kernel.events.subscription import UnreadableEventError

T = TypeVar("T")


def read_as(kind: type[T], envelope: Envelope) -> T:
    """The fields that `kind` declares; others are ignored.

    Raises UnreadableEventError, naming the event and the field at fault.
    """
    try:
        return msgspec.json.decode(envelope.data, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UnreadableEventError(f"{envelope}: {error}") from error
