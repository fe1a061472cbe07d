"""What one exchange took from a broker, and what becomes of it."""

import attrs
import structlog

from shared_kernel.queues.channel import Entry

_log = structlog.get_logger(__name__)


@attrs.define
class EntryCounts:
    """Of what a consumer took from its broker, since it began.

    `stale` ones found no free row; `repeated` ones were rows already; `strange` ones
    are rows of another database.
    """

    rows: int = 0
    foreign: int = 0
    stale: int = 0
    repeated: int = 0
    strange: int = 0
    unreadable: int = 0

    def add(self, others: "EntryCounts") -> None:
        for name, count in attrs.asdict(others).items():
            setattr(self, name, getattr(self, name) + count)


@attrs.define
class Offer:
    """`entries` in their order, for `queue`, whose rows are in the database `origin`.

    `by_rows`: so many are to be claimed by their rows first. `ids` are those of rows;
    `foreign` ones are of other programs, and have no row yet. `rejected` ones can be
    read by nobody. `stranger` is another database, whose rows are in the list.
    """

    queue: str
    origin: str
    entries: list[Entry] = attrs.Factory(list)
    by_rows: int = 0
    ids: list[str] = attrs.Factory(list)
    foreign: list[Entry] = attrs.Factory(list)
    stranger: str | None = None
    acknowledged: list[Entry] = attrs.Factory(list)
    rejected: list[Entry] = attrs.Factory(list)
    counts: EntryCounts = attrs.Factory(EntryCounts)

    def sort(self, most: int) -> None:
        """The first ones, at most so many; the others remain for the next exchange."""
        for entry in self.entries[:most]:
            self._sort(entry)
        self.counts.rows = len(self.ids)
        self.counts.foreign = len(self.foreign)
        self.counts.unreadable = len(self.rejected)

    def _sort(self, entry: Entry) -> None:
        if entry.fault is not None:
            self.rejected.append(entry)
            _log.error("entry is unreadable", queue=self.queue, reason=entry.fault)
            return
        self.acknowledged.append(entry)
        if entry.message is not None:
            self.foreign.append(entry)
        elif entry.origin == self.origin:
            self.ids.append(entry.row)
        else:
            self.counts.strange += 1
            self.stranger = entry.origin
