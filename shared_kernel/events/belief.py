"""Which envelopes from the bus a subscription accepts as genuine (law 11).

It treats all others as lost, and reads what is lost from the log.
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
"""How many events a feed returns at a time."""


class Belief:
    """Accepts an envelope if its seal is valid and its relay is one of the log's own.

    A copy of the log's database has the same key, but other relays. With `confirms`,
    for a log in the same process, each event is compared with the log instead.
    """

    def __init__(self, cursor: Cursor, feed: EventFeed, *, confirms: bool) -> None:
        self.dropped = Dropped(cursor.database, cursor.subscription, cursor.source)
        self._cursor = cursor
        self._feed = feed
        self._confirms = confirms
        self._keyring = Keyring(cursor, feed)

    def believed(self, delivery: Delivery, now: Moment) -> Iterator[Envelope]:
        """The envelopes of this log; the others are counted."""
        for envelope in delivery.envelopes:
            if delivery.from_log:
                is_ours = envelope.source == self._cursor.source
                reason = None if is_ours else OTHER_LOG
            else:
                reason = self._disbelief(envelope, now)
                if reason is None and envelope.is_heartbeat and not self._confirms:
                    self._keyring.listen_to(envelope)
            if reason:
                self.dropped.drop(envelope, reason, now)
            else:
                yield envelope

    def confirmed(self, batch: list[Envelope], now: Moment) -> list[Envelope]:
        """The leading part of `batch` that the log confirms; all of it if not in doubt.

        Raises NotTheSameLogError if the log no longer holds what was applied, and
        OSError if it is unreachable.
        """
        broken = is_broken(batch, self._cursor.place.last_id)
        if broken:
            compare(self._cursor.place, self._feed)
        elif not self._confirms or not any(each.seal for each in batch):
            # Only envelopes that were read from the log have no seal: they need none.
            return batch
        # A log in the same process returns all of them at once.
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
    """How many leading events are the same."""
    for same, (ours, theirs) in enumerate(zip(stored, brought, strict=False)):
        if ours.id != theirs.id:
            return same
    return min(len(stored), len(brought))
