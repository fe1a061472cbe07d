"""What a subscription believes of what the bus brings (law 11).

The rest is as good as lost, and what is lost is read from the log.
"""

from collections.abc import Iterator, Sequence

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import Moment
from shared_kernel.events.continuity import compare, is_broken
from shared_kernel.events.cursors import Cursor
from shared_kernel.events.dropped import COPY, FORM, OTHER_LOG, RELAY, SEAL, Dropped
from shared_kernel.events.event_log import EventFeed
from shared_kernel.events.keyring import Keyring

MOST = 1000
"""So many events a feed answers at a time."""


class Belief:
    """Believes what opens and was sent by a relay that the log calls its own.

    A copy of the log's database has the same key, and other relays. With `confirms` the
    log is asked about each event instead: it is at hand.
    """

    def __init__(self, cursor: Cursor, feed: EventFeed, *, confirms: bool) -> None:
        self.dropped = Dropped(cursor.database, cursor.subscription, cursor.source)
        self._cursor = cursor
        self._feed = feed
        self._confirms = confirms
        self._keyring = Keyring(cursor, feed)

    def believed(self, delivery: Delivery, now: Moment) -> Iterator[Envelope]:
        """What is of this log; what is not is counted."""
        for envelope in delivery.envelopes:
            if delivery.from_log:
                is_ours = envelope.source == self._cursor.source
                reason = None if is_ours else OTHER_LOG
            else:
                reason = self._disbelief(envelope, now)
            if reason:
                self.dropped.drop(envelope, reason, now)
            else:
                if envelope.is_heartbeat and not self._confirms:
                    self._keyring.listen_to(envelope)
                yield envelope

    def confirmed(self, batch: list[Envelope], now: Moment) -> list[Envelope]:
        """The beginning of `batch` that the log holds, if there is any doubt.

        Raises NotTheSameLogError if it does not hold what was applied either, and
        OSError if it is away.
        """
        broken = is_broken(batch, self._cursor.place.last_id)
        if broken:
            compare(self._cursor.place, self._feed)
        elif not self._confirms or not any(each.seal for each in batch):
            # What was read from the log has no seal, and no need of one.
            return batch
        # A log at hand answers all at once.
        asked = batch if self._confirms else batch[:MOST]
        stored = self._feed.read(self._cursor.position, len(asked))
        held = _alike(stored, asked)
        if held < len(asked):
            compare(self._cursor.place, self._feed)
            for each in asked[held:]:
                self.dropped.drop(each, COPY, now)
        return stored[:held]

    def _disbelief(self, envelope: Envelope, now: Moment) -> str | None:
        if not envelope.source or not envelope.seal:
            return FORM
        log = self._cursor.place.log or self._keyring.log(now)
        if envelope.source != self._cursor.source or (log and envelope.log != log):
            return OTHER_LOG
        if not self._keyring.opens(envelope, now):
            return SEAL
        if self._confirms:
            return None
        match self._keyring.knows(envelope.relay, now):
            case True:
                return None
            case False:
                return COPY
            case None:
                return RELAY


def _alike(stored: Sequence[Envelope], brought: Sequence[Envelope]) -> int:
    """How many events at the beginning are the same."""
    for same, (ours, theirs) in enumerate(zip(stored, brought, strict=False)):
        if ours.id != theirs.id:
            return same
    return min(len(stored), len(brought))
