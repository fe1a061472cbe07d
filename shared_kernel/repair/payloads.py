"""Whether an edited payload may be applied.

Unlike an event of the log, it was written by hand: so what a reader would accept by
tolerance, such as "5" for 5, is refused here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.patterns import matcher
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import ReplayError
from shared_kernel.documents.faults import DocumentError
from shared_kernel.documents.schema import Schema
from shared_kernel.domain.errors import DomainError
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.reading import read_as
from shared_kernel.events.versions import Versions, schema_file
from shared_kernel.queues.port import UnprocessableError

_NOT_AS_READ = (
    DocumentError,
    DomainError,
    UnprocessableError,
    UnreadableEventError,
)
Check = Callable[[Envelope, bytes], None]
"""Raises InvalidPayloadError if the message cannot have that data."""


class InvalidPayloadError(ReplayError):
    """The message names the field, and what would be right."""

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


@attrs.frozen
class PublishedPayloads:
    """Checks events of one source: by their schemas, then as their readers read them.

    `published` has the class of each of its events. `readers` are the classes of one
    subscription, each with the patterns of what is read as that class.
    """

    published: Mapping[str, type]
    versions: Versions
    readers: Mapping[type, Sequence[str]]

    def __call__(self, event: Envelope, data: bytes) -> None:
        """Raises InvalidPayloadError."""
        before, event = event.data, attrs.evolve(event, data=data)
        self._check_by_schema(event)
        keep_the_key(before, event)
        try:
            newest = self.versions.newest(event)
            # An older version may be published no longer, and has no schema of its own.
            if newest.type != event.type:
                self._check_by_schema(newest)
            for kind, patterns in self.readers.items():
                if any(matcher(pattern)(newest.type) for pattern in patterns):
                    read_as(kind, newest)
        except UnreadableEventError as error:
            raise InvalidPayloadError(str(error), Failure.of(error).field) from error

    def _check_by_schema(self, event: Envelope) -> None:
        kind = self.published.get(event.type)
        # More fields are allowed, as in the schema: a newer producer may have added
        # them.
        schema: Schema[Any] = Schema(kind or dict[str, Any], more_fields=True)
        try:
            schema.read(event.data)
        except DocumentError as error:
            by = f", by the schema {schema_file(event.type)}" if kind else ""
            raise InvalidPayloadError(
                f"{error}{by}", Failure.of(error).field
            ) from error


def read_by(read: Callable[[Envelope], object], *, keeps_key: bool = False) -> Check:
    """Checks messages that are no events by how their reader reads them.

    `read` raises UnreadableEventError, DocumentError, DomainError or
    UnprocessableError. With `keeps_key`, a field that names the key stays.
    """

    def check(message: Envelope, data: bytes) -> None:
        edited = attrs.evolve(message, data=data)
        try:
            read(edited)
        except UnicodeDecodeError as error:
            raise InvalidPayloadError(f"expected text in UTF-8: {error}") from error
        except _NOT_AS_READ as error:
            raise InvalidPayloadError(str(error), Failure.of(error).field) from error
        if keeps_key:
            keep_the_key(message.data, edited)

    return check


def any_text(message: Envelope) -> str:
    """Reads any text: for queues whose consumer does not say how it reads."""
    return message.data.decode()


def keep_the_key(before: bytes, event: Envelope) -> None:
    """Refuse an edit of the field that names the key, if there is one.

    With another one the event would change something else, out of its order. Raises
    InvalidPayloadError.
    """
    was, becomes = object_in(before), object_in(event.data)
    for name, value in was.items():
        if value == event.key and becomes.get(name) != value:
            raise InvalidPayloadError(
                f"/{name}: expected {event.key!r}, the key of the event, which cannot "
                "become one of something else",
                name,
            )


def object_in(data: bytes) -> dict[str, Any]:
    """The fields of a JSON object; none of anything else."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
