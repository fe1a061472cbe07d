"""What one exchange took from Redis, and what becomes of it."""

import attrs
import structlog

from shared_kernel.queues.port import Message
from shared_kernel.queues.redis.entries import UnreadableEntryError, read

_log = structlog.get_logger(__name__)


@attrs.define
class EntryCounts:
    """Of what a consumer took from Redis, since it began.

    `stale` ones found no free row; `strange` ones are rows of another database.
    """

    rows: int = 0
    foreign: int = 0
    stale: int = 0
    strange: int = 0
    unreadable: int = 0

    def add(self, others: "EntryCounts") -> None:
        for name, count in attrs.asdict(others).items():
            setattr(self, name, getattr(self, name) + count)


@attrs.define
class Offer:
    """`raws` in their order, for `queue`, whose rows are in the database `origin`.

    `by_rows`: so many are to be claimed by their rows first. `ids` are those of rows;
    `foreign` ones are of other programs, and have no row yet. `rejected` ones can be
    read by nobody. `stranger` is another database, whose rows are in the list.
    """

    queue: str
    origin: str
    raws: list[bytes] = attrs.Factory(list)
    by_rows: int = 0
    ids: list[str] = attrs.Factory(list)
    foreign: list[tuple[bytes, Message]] = attrs.Factory(list)
    stranger: str | None = None
    acknowledged: list[bytes] = attrs.Factory(list)
    rejected: list[bytes] = attrs.Factory(list)
    counts: EntryCounts = attrs.Factory(EntryCounts)

    def sort(self, most: int) -> None:
        """The first ones, at most so many; the others remain for the next exchange."""
        for raw in self.raws[:most]:
            try:
                self._sort(raw)
            except UnreadableEntryError as error:
                self.rejected.append(raw)
                _log.error("entry is unreadable", queue=self.queue, reason=str(error))
            else:
                self.acknowledged.append(raw)
        self.counts.rows = len(self.ids)
        self.counts.foreign = len(self.foreign)
        self.counts.unreadable = len(self.rejected)

    def _sort(self, raw: bytes) -> None:
        entry = read(raw)
        if entry.row_of is None:
            message = Message(name=entry.name, payload=entry.payload)
            self.foreign.append((raw, message))
        elif entry.row_of == self.origin:
            self.ids.append(entry.id)
        else:
            self.counts.strange += 1
            self.stranger = str(entry.row_of)
