"""What stands in rmq's lists: an envelope of JSON, whose payload is a string.

Ours has a further field, `row_of`: which database holds the row of the same id. Readers
in Go ignore it.
"""

from uuid import UUID

import msgspec

from shared_kernel.queues.channel import Entry
from shared_kernel.queues.port import Message


class RmqEntry(msgspec.Struct, omit_defaults=True):
    """`row_of` is None for a message that another program wrote."""

    id: str
    name: str
    payload: str
    row_of: object = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RmqEntry).decode


class UnreadableEntryError(ValueError):
    """It is not JSON in UTF-8, lacks a field, or holds what no database can store."""


def entry_of_row(message: Message, origin: str) -> bytes:
    """Names the row of `message` in the database `origin`."""
    return _encode(RmqEntry(message.id, message.name, message.payload, origin))


def entry_for_others(message: Message) -> bytes:
    """In the form of the chapter's writer: its id is a decimal number."""
    number = str(UUID(message.id).int)
    return _encode(RmqEntry(number, message.name, message.payload))


def read(raw: bytes) -> RmqEntry:
    """Raises UnreadableEntryError."""
    try:
        entry = _decode(raw)
    except (ValueError, RecursionError) as error:
        raise UnreadableEntryError(str(error)) from error
    # PostgreSQL stores no NUL character.
    if "\0" in entry.name + entry.payload:
        raise UnreadableEntryError("a NUL character")
    return entry


def entry_of(raw: bytes) -> Entry:
    """What `raw` says, or why it is unreadable."""
    try:
        found = read(raw)
    except UnreadableEntryError as error:
        return Entry(place=raw, fault=str(error))
    if found.row_of is not None:
        return Entry(place=raw, row=found.id, origin=str(found.row_of))
    return Entry(place=raw, message=Message(name=found.name, payload=found.payload))
