"""Applies the events of one source, exactly once in effect and in order, on any bus.

A delivery at or below the cursor is a duplicate and is dropped; the next position is
applied; a higher one shows a gap, and the gap is read from the source's log (law 3).
"""

import random
from collections.abc import Callable, Mapping, Sequence

import attrs
import structlog
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Deliver, Delivery, Leave
from shared_kernel.clock import Clock, Moment, moments_of, system_clock
from shared_kernel.dead_letters import edited
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.deviations import deviations
from shared_kernel.dead_letters.edited import Edit
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DEAD, PARKED, WAITS
from shared_kernel.events.belief import Belief
from shared_kernel.events.continuity import compare
from shared_kernel.events.cursors import Cursor, CursorMovedError, place_of
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventFeed
from shared_kernel.events.inbox import Inbox
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import is_fault

Apply = Callable[[Sequence[Envelope], Connection], None]
Join = Callable[[str, int, Deliver], Leave]
"""Joins a group on the bus; calling the result leaves it.

The group's members follow the log with the identity given, which has been applied up to
the position given.
"""

BATCH = 1000
MAX_ATTEMPTS = 5
FIRST_BACKOFF_US = 50_000
MAX_BACKOFF_US = 5_000_000
MAX_FAULT_BACKOFF_US = 1_000_000
"""Shorter than for failing events, to resume soon after a fault is over."""
SILENCE_US = 1_500_000
"""After this long without a delivery, not even a heartbeat, the log itself is asked for
its head."""
_log = structlog.get_logger(__name__)


@attrs.define
class Counts:
    """Faults of the bus that this replica corrected since the process started.

    A gap is one place at which events were missing, however many; `read_events` counts
    the events read from the log instead of the bus.
    """

    gaps_healed: int = 0
    read_events: int = 0
    duplicates_dropped: int = 0


@attrs.define(eq=False)
class _Trouble:
    """The event that keeps failing, since when, how often, and when to retry."""

    position: int = 0
    since_us: int = 0
    attempts: int = 0
    not_before_us: int = 0


class Subscription:
    """`name` reads what `feed` holds and keeps cursor and effects in `database`.

    `apply` is given a batch and the connection of the transaction that also moves the
    cursor; it does nothing outside that transaction. `holder` names this replica. Of
    several replicas the one that has the lease is a member of its group on the bus
    (`joins`), the others stand by. Events of a relay that is not known yet are read
    from the log; with `confirms`, all events are compared with the log. `clear` empties
    what `apply` writes, if that can begin anew. `on_delivery` is called when there is
    work to do, `on_progress` when some was done.
    """

    def __init__(
        self,
        name: str,
        feed: EventFeed,
        database: Database,
        apply: Apply,
        *,
        holder: str,
        clock: Clock = system_clock,
        jitter: Callable[[], float] = random.random,
        joins: Sequence[Join] = (),
        confirms: bool = False,
        clear: Callable[[Connection], None] | None = None,
        on_delivery: Callable[[], None] = lambda: None,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.source = feed.source
        self.feed = feed
        self.cursor = Cursor(database, name, feed.source, holder)
        self.counts = Counts()
        self.database = database
        self.apply = apply
        self._now = moments_of(clock)
        self._jitter = jitter
        self._joins = joins
        self._memberships: list[Leave] = []
        self.clear = clear
        self._belief = Belief(self.cursor, feed, confirms=confirms)
        self._on_progress = on_progress
        self._inbox = Inbox(on_delivery)
        self._announced: int | None = None
        self._last_sign_us = 0
        self._reading = False
        self._singly_until = 0
        self._trouble = _Trouble()
        self._faults = 0

    def deliver(self, delivery: Delivery) -> None:
        """Accept a delivery. A full inbox rejects it: the log has the events."""
        self._inbox.deliver(delivery)

    def step(self) -> int:
        """Apply one batch, if there is one; return how many events were handled."""
        now = self._now()
        if now.monotonic_us < self._trouble.not_before_us:
            return 0
        try:
            passed = self._advance(now)
            self._belief.dropped.save(now)
        except CursorMovedError:
            self._inbox.answer(well=False)
            return 0
        except Exception as error:
            self._inbox.answer(well=False)
            if not is_fault(error):
                raise
            # After a fault the log may be back with another history.
            self._announced = None
            self._faults += 1
            self._back_off(now, self._faults, MAX_FAULT_BACKOFF_US)
            if self._faults == 1:
                _log.warning(
                    "subscription waits for the infrastructure",
                    subscription=self.name,
                    source=self.source,
                    error=str(error),
                )
            return 0
        if self._faults:
            _log.info(
                "subscription goes on", subscription=self.name, source=self.source
            )
            self._faults = 0
        self._inbox.answer(well=True)
        return passed

    def stop(self) -> None:
        """Apply what was delivered, and release the lease.

        So every delivery is answered, and another replica takes over at once.
        """
        self._leave()
        joins, self._joins = self._joins, ()
        while waiting := len(self._inbox):
            self.step()
            if len(self._inbox) == waiting:
                break
        self._inbox.reject()
        self._joins = joins
        self._belief.dropped.save(self._now(), at_once=True)
        self.cursor.release()

    def _advance(self, now: Moment) -> int:
        if not self.cursor.lease(now):
            self._stand_by()
            return 0
        if self._joins and not self._memberships:
            log = self.cursor.place.log or self.feed.mark(0).log
            applied = self.cursor.position
            self._memberships = [
                join(log, applied, self.deliver) for join in self._joins
            ]
            # Before it joined, it received nothing.
            self._announced = None
        if self._inbox:
            self._last_sign_us = now.monotonic_us
        if self._announced is None or self._announced < self.cursor.position:
            self._announced = self._head_or_nothing_new()
            self._last_sign_us = now.monotonic_us
        elif now.monotonic_us - self._last_sign_us >= SILENCE_US:
            self._announced = max(self._announced, self._head_of_the_same_log())
            self._last_sign_us = now.monotonic_us
        brought = self._next_batch(now)
        batch = self._belief.confirmed(brought, now)
        if len(batch) < len(brought):
            self._announced = None
        if not batch:
            return 0
        if batch[0].position <= self._singly_until:
            return self._apply_singly(batch, now)
        try:
            self._commit(batch, now)
        except Exception as error:
            if is_fault(error):
                raise
            self._singly_until = batch[-1].position
            return self._apply_singly(batch, now)
        return len(batch)

    def _stand_by(self) -> None:
        self._announced = None
        self._leave()
        self._inbox.reject()

    def _leave(self) -> None:
        memberships, self._memberships = self._memberships, []
        for leave in memberships:
            leave()

    def _head_of_the_same_log(self) -> int:
        return compare(self.cursor.place, self.feed).head

    def _head_or_nothing_new(self) -> int:
        """While the process of a known log is down, rely on the bus alone."""
        try:
            return self._head_of_the_same_log()
        except OSError:
            if self.cursor.place.log is None:
                raise
            return self.cursor.position

    def _next_batch(self, now: Moment) -> list[Envelope]:
        """The events right after the cursor, from the inbox or else from the log."""
        batch: list[Envelope] = []
        expected = self.cursor.position + 1
        announced = self._announced or 0
        while self._inbox and len(batch) < BATCH:
            for envelope in self._belief.believed(self._inbox.take(), now):
                # A lower position is a duplicate; a higher one comes from the log.
                if envelope.is_heartbeat:
                    announced = max(announced, envelope.position)
                    self._listen_to(envelope, batch)
                elif envelope.position > expected:
                    announced = max(announced, envelope.position)
                elif envelope.position == expected:
                    batch.append(envelope)
                    expected += 1
                else:
                    self.counts.duplicates_dropped += 1
        self._announced = announced = max(announced, expected - 1)
        if not batch and announced > self.cursor.position:
            return self._read_the_log()
        self._reading = False
        return batch

    def _read_the_log(self) -> list[Envelope]:
        batch = self.feed.read(self.cursor.position, BATCH)
        if not batch:
            # The announced head was false, though sealed with the log's key.
            self._announced = None
            return []
        self.counts.gaps_healed += not self._reading
        self.counts.read_events += len(batch)
        self._reading = True
        return batch

    def _listen_to(self, beat: Envelope, batch: Sequence[Envelope]) -> None:
        """Check that the newest event, which a heartbeat names, is the applied one."""
        place = self.cursor.place
        if batch or not beat.log or beat.position > place.position:
            return
        is_ours = beat.position == place.position and beat.previous in {
            "",
            place.last_id,
        }
        if not is_ours:
            self._head_of_the_same_log()

    def _apply_singly(self, batch: Sequence[Envelope], now: Moment) -> int:
        """One by one, so that only the failing event is retried or dead-lettered."""
        for passed, envelope in enumerate(batch):
            try:
                self._commit([envelope], now)
            except Exception as error:
                if is_fault(error):
                    raise
                if not self._give_up(envelope, error, now):
                    return passed
        return len(batch)

    def _commit(self, batch: Sequence[Envelope], now: Moment) -> None:
        """One transaction: the effects, the parked events, and the cursor."""
        to = place_of(batch[-1])
        with self.database.writing() as connection:
            self.cursor.move(connection, to, now.wall_us)
            found = deviations(connection, self.name, self.source, batch)
            if found:
                self._park(found.parked(batch), found.edits, connection, now)
                batch = found.applicable(batch)
            if batch:
                self.apply(batch, connection)
        self.cursor.moved(to, now)
        self._on_progress()

    def _park(
        self,
        envelopes: Sequence[Envelope],
        edits: Mapping[int, Edit],
        connection: Connection,
        now: Moment,
    ) -> None:
        if envelopes:
            dead_letters.add(
                connection,
                self.name,
                envelopes,
                state=PARKED,
                reason=WAITS,
                attempts=0,
                now_us=now.wall_us,
                edits=edits,
            )

    def _give_up(self, envelope: Envelope, error: Exception, now: Moment) -> bool:
        """Count a failed attempt; after the last one, dead-letter the event."""
        trouble = self._trouble
        if trouble.position != envelope.position:
            self._trouble = trouble = _Trouble(envelope.position, now.wall_us)
        trouble.attempts += 1
        permanent = isinstance(error, UnreadableEventError)
        if trouble.attempts < MAX_ATTEMPTS and not permanent:
            self._back_off(now, trouble.attempts)
            return False
        failure, at = Failure.of(error), envelope.position
        with self.database.writing() as connection:
            self.cursor.move(connection, place_of(envelope), now.wall_us)
            dead_letters.add(
                connection,
                self.name,
                [envelope],
                state=DEAD,
                reason=failure.reason,
                attempts=trouble.attempts,
                now_us=now.wall_us,
                failure=failure,
                since_us=trouble.since_us,
                edits=edited.edits(connection, self.name, self.source, at, at),
            )
        self.cursor.moved(place_of(envelope), now)
        self._on_progress()
        _log.error(
            "event dead-lettered",
            subscription=self.name,
            source=self.source,
            position=envelope.position,
            event_id=envelope.id,
            event_type=envelope.type,
            attempts=trouble.attempts,
            reason=failure.reason,
        )
        self._trouble = _Trouble()
        return True

    def _back_off(
        self, now: Moment, failures: int, longest_us: int = MAX_BACKOFF_US
    ) -> None:
        """Exponential, with jitter between half and all of it: replicas spread."""
        at_most_us = min(FIRST_BACKOFF_US * 2 ** min(failures, 16), longest_us)
        wait_us = at_most_us * (0.5 + self._jitter() / 2)
        self._trouble.not_before_us = now.monotonic_us + int(wait_us)
