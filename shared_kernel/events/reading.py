"""Reading an event as a class of the reader's own."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.errors import UnreadableEventError

T = TypeVar("T")


# One for each class, cached: making it takes longer than decoding an event.
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}


def read_as(kind: type[T], envelope: Envelope) -> T:
    """The fields that `kind` declares; others are ignored.

    Raises UnreadableEventError, naming the event and the field at fault.
    """
    return read_all(kind, [envelope])[0]


def read_all(kind: type[T], batch: Sequence[Envelope]) -> list[T]:
    """Each of `batch` as `kind`. Raises UnreadableEventError at the first failure."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    decode = decoder.decode
    read: list[T] = []
    try:
        for envelope in batch:
            read.append(decode(envelope.data))  # noqa: PERF401 - counts what was read
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UnreadableEventError(f"{batch[len(read)]}: {error}") from error
    return read
