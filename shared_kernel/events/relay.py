"""Publishes a log's entries on the bus, in order, and announces the log's head."""

import structlog

from shared_kernel.buses.envelope import HEARTBEAT, Envelope
from shared_kernel.buses.port import BusError, EventBus, Leave
from shared_kernel.clock import Clock, Moment, moments_of, system_clock
from shared_kernel.events.consistency import Progress
from shared_kernel.events.continuity import compare, is_broken
from shared_kernel.events.cursors import Cursor, CursorMovedError, Place, place_of
from shared_kernel.events.dropped import COPY, HINTS
from shared_kernel.events.errors import NotTheSameLogError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.rivals import Rivals
from shared_kernel.events.sender import Sender
from shared_kernel.events.versions import Versions
from shared_kernel.storage.errors import is_fault

BATCH = 1000
SAVE_EVERY_US = 250_000
HEARTBEAT_EVERY_US = 1_000_000
LOOK_EVERY_US = 1_000_000
"""How often to read a log that sends notifications: these may be lost."""
FIRST_BACKOFF_US = 50_000
MAX_BACKOFF_US = 1_000_000

_log = structlog.get_logger(__name__)


class Relay:
    """Publishes each entry at least once, in order.

    Of several replicas the one that has the lease publishes, the others stand by. Its
    position is saved after publishing, and not for each batch: after a crash some
    entries are published again, and subscriptions drop them. Subscriptions also find
    entries that the bus loses, so a relay never waits for subscribers. While a copy of
    the log is published on the same bus, the relay is `held_back`: it sends heartbeats,
    but no events.

    Events are published in all of `versions` that have readers.
    `progress` is made when the log may have grown. A log that does not send
    notifications when other processes append is read in each step.
    """

    def __init__(
        self,
        log: EventLog,
        bus: EventBus,
        clock: Clock = system_clock,
        *,
        holder: str,
        progress: Progress | None = None,
        versions: Versions | None = None,
    ) -> None:
        self.name = f"{log.source}.relay"
        self.cursor = Cursor(log.database, self.name, log.source, holder)
        self._log = log
        self._progress = progress or Progress()
        self._look_every_us = LOOK_EVERY_US if log.announces else 0
        self._bus = bus
        self._now = moments_of(clock)
        self._sender = Sender(log, bus, versions or Versions())
        self._place: Place | None = None
        self._rivals = Rivals(log.keys)
        self._leave: Leave | None = None
        self.held_back = False
        self._seen = -1
        self._next_look_us = 0
        self._next_save_us = 0
        self._next_heartbeat_us = 0
        self._failures = 0
        self._not_before_us = 0

    def step(self) -> int:
        """Publish new entries, at most one batch; return how many."""
        now = self._now()
        if now.monotonic_us < self._not_before_us:
            return 0
        try:
            if not self.cursor.lease(now):
                self._stand_by()
                return 0
            done = self._publish(now)
            if now.monotonic_us >= self._next_save_us:
                self.save()
                self._next_save_us = now.monotonic_us + SAVE_EVERY_US
        except Exception as error:
            if not isinstance(error, BusError) and not is_fault(error):
                raise
            self._wait(error, now)
            return 0
        if self._failures:
            _log.info("relay goes on", relay=self.name)
            self._failures = 0
        return done

    def save(self) -> None:
        """Save the position up to which the log has been published."""
        place, now = self._place, self._now()
        if place is None or place.position == self.cursor.position:
            return
        try:
            with self._log.database.writing() as connection:
                self.cursor.move(connection, place, now.wall_us)
        except CursorMovedError:
            # Another replica publishes by now, and continues from the saved place.
            self._place = None
        else:
            self.cursor.moved(place, now)

    def stop(self) -> None:
        """Save the position before the process ends: nothing is published again."""
        self.save()
        self._step_back()
        self.cursor.release()

    @property
    def leads(self) -> bool:
        """Whether this replica is the one that publishes, as far as it knows."""
        return self._place is not None

    def published(self) -> int:
        """The position up to which the log is known to have been published."""
        place = self._place or Place()
        return max(self.cursor.saved(), place.position)

    @property
    def id(self) -> str:
        return self._sender.id

    def _publish(self, now: Moment) -> int:
        place = self._place
        if place is None or place.position < self.cursor.position:
            # Published by another replica, or before a restart.
            if place is None:
                self._lead()
            self._place = place = self.cursor.place
            self._next_heartbeat_us = now.monotonic_us
        beats = now.monotonic_us >= self._next_heartbeat_us
        if beats:
            place = self._checked(place)
            self._sender.note()
        held_back = self._rivals.are_there(now, self._sender.keys)
        self._log_rivals(held_back)
        batch = [] if held_back else self._new_entries(place.position, now)
        if is_broken(batch, place.last_id):
            checked = self._checked(place)
            # The log has another history than was published: read again from `checked`.
            batch, place = (batch if checked is place else []), checked
        if batch:
            self._sender.send(batch, place)
            self._place = place = place_of(batch[-1])
        if beats:
            self._sender.announce(self._reached() if held_back else place, now.wall_us)
            self._next_heartbeat_us = now.monotonic_us + HEARTBEAT_EVERY_US
        return len(batch)

    def _lead(self) -> None:
        if self._leave is None and self._bus.capabilities.between_replicas:
            beats = f"{HEARTBEAT}.{self._log.source}"
            group = f"{self.name}.{self._sender.id}"
            self._leave = self._bus.subscribe(beats, group, self._rivals.deliver)

    def _stand_by(self) -> None:
        self._step_back()
        if not self._sender.is_noted:
            # The leading relay announces this one before it may have to take over.
            self._sender.note()

    def _step_back(self) -> None:
        self._place = None
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def _log_rivals(self, held_back: bool) -> None:
        if held_back and not self.held_back:
            _log.error(
                "relay stops publishing", relay=self.name, reason=COPY, hint=HINTS[COPY]
            )
        elif self.held_back and not held_back:
            _log.info("relay publishes again", relay=self.name)
            self._seen = -1
        self.held_back = held_back

    def _checked(self, place: Place) -> Place:
        """Where to continue; the log may have lost published entries."""
        try:
            compare(place, self._log)
        except NotTheSameLogError as error:
            _log.error("relay goes back", relay=self.name, reason=str(error))
            self._place = place = self._last_known()
            # The saved place may be beyond the end of the log, and would be used again.
            self.save()
        return place

    def _last_known(self) -> Place:
        """The place saved in the database that was restored together with the log."""
        self.cursor.place = saved = self.cursor.saved_place()
        try:
            compare(saved, self._log)
        except NotTheSameLogError:
            # It is unknown what was published of this history: subscriptions read it.
            return self._reached()
        return saved

    def _reached(self) -> Place:
        """The end of the log; subscriptions have to read up to it."""
        head = self._log.settle()
        last = self._log.read(head - 1, 1)
        return place_of(last[0]) if last else Place()

    def _new_entries(self, position: int, now: Moment) -> list[Envelope]:
        progress = self._progress.count
        if progress == self._seen and now.monotonic_us < self._next_look_us:
            return []
        if self._log.settle() > position:
            batch = self._log.read(position, BATCH)
        else:
            batch = []
        if not batch:
            # Progress after this count means new entries.
            self._seen = progress
            self._next_look_us = now.monotonic_us + self._look_every_us
        return batch

    def _wait(self, error: Exception, now: Moment) -> None:
        self._failures += 1
        backoff_us = FIRST_BACKOFF_US * 2 ** min(self._failures, 16)
        self._not_before_us = now.monotonic_us + min(backoff_us, MAX_BACKOFF_US)
        if self._failures == 1:
            _log.warning("relay waits", relay=self.name, error=str(error))
