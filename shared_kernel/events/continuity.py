"""Whether a log is still the one that was read, up to the cursor (law 11)."""

from collections.abc import Sequence

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.cursors import Place
from shared_kernel.events.errors import (
    LogCutShortError,
    LogRegrownError,
    LogReplacedError,
)
from shared_kernel.events.event_log import EventFeed, Mark
from shared_kernel.events.identity import digest_of


def compare(place: Place, feed: EventFeed) -> Mark:
    """Raises LogReplacedError, LogCutShortError and LogRegrownError.

    Cursors and compactions of versions without log identities have noted nothing to
    compare.
    """
    mark = feed.mark(place.position)
    if place.log and place.log != mark.log:
        raise LogReplacedError(feed.source, mark.log, place.log)
    if mark.head < place.position:
        # New events would get positions that were used before, and be dropped as
        # duplicates.
        raise LogCutShortError(feed.source, mark.head, place.position)
    known = place.last_id is not None and mark.digest is not None
    if known and mark.digest != digest_of(place.last_id or ""):
        raise LogRegrownError(feed.source, place.position)
    return mark


def is_broken(batch: Sequence[Envelope], last_id: str | None) -> bool:
    """Whether an event of `batch` names another predecessor than the one in `batch`.

    The first event should name `last_id`, if that is known.
    """
    for envelope in batch:
        if last_id and envelope.previous != last_id:
            return True
        last_id = envelope.id
    return False
