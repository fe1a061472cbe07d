"""Deletes events from a log that later events of the same key have superseded.

Every event carries the full state of its aggregate, so of each key these suffice: the
first event (it may carry facts that no later one repeats), the newest one, and those
whose times readers show. Each reader arrives at the same state and the same dates as
before, from whatever position it continues.

The owner of the log says which part of the state readers date (`Dated`). An event that
changes this part is a milestone. The milestone with the latest time is kept, and so is
the newest one, each with the two milestones before it. The nearer one lets a reader
that begins between the two still see a change; the other one does the same for the
nearer one when the log is compacted again.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from itertools import takewhile
from typing import NamedTuple

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.entries import LOG
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventLog, ids_at
from shared_kernel.events.identity import compacted_table, digest_of
from shared_kernel.storage.prepared import Prepared

BATCH = 1000
MILESTONES = 3

Dated = Callable[[Envelope], Hashable]
"""The part of an event's state that readers date. Raises UnreadableEventError."""

_COMPACTED = compacted_table(sa.MetaData())
_LEAVE = Prepared(insert(_COMPACTED).on_conflict_do_nothing())
_DELETE = Prepared(sa.delete(LOG).where(LOG.c.position == sa.bindparam("of")))


class _Milestone(NamedTuple):
    position: int
    dated: Hashable


@attrs.define(eq=False)
class _Kept:
    """The events of one key to keep, as of the position reached so far.

    `latest` are the milestones up to the one with the latest time.
    """

    first: _Milestone
    newest: int
    milestones: tuple[_Milestone, ...]
    latest: tuple[_Milestone, ...]
    latest_us: int

    def positions(self) -> set[int]:
        of_milestones = {each.position for each in (*self.milestones, *self.latest)}
        return {self.first.position, self.newest} | of_milestones

    def supersede(self, envelope: Envelope, dated: Hashable, most: int) -> set[int]:
        """Add the next event; return the positions that are no longer needed.

        At most `most` milestones are kept.
        """
        before = self.positions()
        self.newest = envelope.position
        if dated != self.milestones[-1].dated:
            self._reach(_Milestone(envelope.position, dated), most)
            # Clocks may be set back: a later event may have an earlier time.
            if envelope.time_us >= self.latest_us:
                self.latest, self.latest_us = self.milestones, envelope.time_us
        return before - self.positions()

    def _reach(self, milestone: _Milestone, most: int) -> None:
        milestones = (*self.milestones, milestone)[-most:]
        # The first event can stand in: the next milestone differs from it, too.
        if len(milestones) == MILESTONES and milestones[0].dated == self.first.dated:
            milestones = milestones[1:]
        self.milestones = milestones


class Compaction:
    """Call `step` until it returns 0. Stops at position `end`.

    It also stops at the first event of `since_us` or later, if that is given. `dated`
    is the owner's rule; without one every event counts as a change. Keys in `spared`
    keep all their events. A key with an unreadable event keeps all from there on. A
    `rehearsal` only counts.

    Each step is one transaction. For each deleted event it keeps a digest of the id, so
    that a reader whose cursor stands there can still recognize the log (law 11). After
    each step the log is compacted up to the position reached: it is valid after an
    interrupt at any point, and another compaction can continue, or run at the same
    time. Memory is under a kilobyte a key.
    """

    def __init__(
        self,
        log: EventLog,
        end: int,
        dated: Dated | None = None,
        *,
        since_us: int | None = None,
        spared: Collection[str] = (),
        rehearsal: bool = False,
    ) -> None:
        self.position = 0
        self.looked_at = 0
        self.deleted = 0
        self._log = log
        self._end = end
        self._since_us = since_us
        self._dated = dated or _every_event
        self._milestones = MILESTONES if dated else 1
        self._spared = set(spared)
        self._rehearsal = rehearsal
        self._keys: dict[str, _Kept] = {}
        self._superseded: list[int] = []

    @property
    def kept(self) -> int:
        return self.looked_at - self.deleted

    def step(self) -> int:
        """Read one batch and delete what it supersedes; return the batch's size."""
        batch = self._next_batch()
        for envelope in batch:
            self._superseded += self._superseded_by(envelope)
        if batch:
            self.position = batch[-1].position
            self.looked_at += len(batch)
        if self._superseded:
            self.deleted += self._delete(self._superseded)
            self._superseded = []
        return len(batch)

    def _next_batch(self) -> list[Envelope]:
        return list(takewhile(self._is_past, self._log.read(self.position, BATCH)))

    def _is_past(self, envelope: Envelope) -> bool:
        recent = self._since_us is not None and envelope.time_us >= self._since_us
        return envelope.position <= self._end and not recent

    def _superseded_by(self, envelope: Envelope) -> Collection[int]:
        key, position = envelope.key, envelope.position
        if key in self._spared:
            return ()
        try:
            dated = self._dated(envelope)
        except UnreadableEventError:
            self._spared.add(key)
            return ()
        kept = self._keys.get(key)
        if kept is not None:
            return kept.supersede(envelope, dated, self._milestones)
        first = _Milestone(position, dated)
        self._keys[key] = _Kept(first, position, (first,), (first,), envelope.time_us)
        return ()

    def _delete(self, positions: Sequence[int]) -> int:
        if self._rehearsal:
            return len(positions)
        with self._log.database.writing() as connection:
            left = [
                {"position": position, "digest": digest_of(id_)}
                for position, id_ in ids_at(connection, positions)
            ]
            _LEAVE.write_all(connection, left)
            gone = [{"of": each["position"]} for each in left]
            return _DELETE.write_all(connection, gone)


def _every_event(envelope: Envelope) -> Hashable:
    return envelope.position
