"""Reading an event as a class of the reader's own."""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar, get_type_hints

import msgspec

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.versions import schema_file

T = TypeVar("T")


# One for each class, cached: making it takes longer than decoding an event.
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}


def read_as(kind: type[T], envelope: Envelope) -> T:
    """The fields that `kind` declares; others are ignored.

    Raises UnreadableEventError, naming the event, the field at fault, the reader and
    the schema.
    """
    return read_all(kind, [envelope])[0]


def read_all(kind: type[T], batch: Sequence[Envelope]) -> list[T]:
    """Each of `batch` as `kind`. Raises UnreadableEventError at the first failure.

    A tolerant reader: 5.0 and "5" are read as the integer 5.
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind, strict=False)
    decode = decoder.decode
    read: list[T] = []
    try:
        for envelope in batch:
            read.append(decode(envelope.data))  # noqa: PERF401 - counts what was read
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        failing = batch[len(read)]
        reader = f"{kind.__module__}.{kind.__qualname__}"
        raise UnreadableEventError(
            f"{failing}: {error}; {reader} reads it, by the schema "
            f"{schema_file(failing.type)}",
            _field_at_fault(kind, failing.data),
        ) from error
    return read


def _field_at_fault(kind: Any, data: bytes) -> str | None:
    """The first that is missing or of another type; None if `data` has no fields."""
    try:
        found = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    for name, is_required, type_ in _fields_of(kind):
        if name not in found:
            if is_required:
                return name
        elif not _is_of(type_, found[name]):
            return name
    return None


@cache
def _fields_of(kind: Any) -> list[tuple[str, bool, Any]]:
    """Name, whether it is required, and type; cached, since it takes a millisecond."""
    described: Any = msgspec.inspect.type_info(kind)
    types = get_type_hints(kind)
    return [
        (str(field.encode_name), field.required, types[field.name])
        for field in getattr(described, "fields", ())
    ]


def _is_of(type_: Any, value: Any) -> bool:
    try:
        msgspec.convert(value, type_, strict=False)
    except msgspec.ValidationError:
        return False
    return True
