"""What stands in rmq's lists: an envelope of JSON, whose payload is a string.

Ours has a further field, `row_of`: which database holds the row of the same id. Readers
in Go ignore it.
"""

from uuid import UUID

import msgspec

from shared_kernel.queues.port import Message


class Entry(msgspec.Struct, omit_defaults=True):
    """`row_of` is None for a message that another program wrote."""

    id: str
    name: str
    payload: str
    row_of: object = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


class UnreadableEntryError(ValueError):
    """It is not JSON in UTF-8, lacks a field, or holds what no database can store."""


def entry_of_row(message: Message, origin: str) -> bytes:
    """Names the row of `message` in the database `origin`."""
    return _encode(Entry(message.id, message.name, message.payload, origin))


def entry_for_others(message: Message) -> bytes:
    """In the form of the chapter's writer: its id is a decimal number."""
    number = str(UUID(message.id).int)
    return _encode(Entry(number, message.name, message.payload))


def read(raw: bytes) -> Entry:
    """Raises UnreadableEntryError."""
    try:
        entry = _decode(raw)
    except (ValueError, RecursionError) as error:
        raise UnreadableEntryError(str(error)) from error
    # PostgreSQL stores no NUL character.
    if "\0" in entry.name + entry.payload:
        raise UnreadableEntryError("a NUL character")
    return entry
