"""What a subscription knows of a log's keys and of the relays that publish it."""

import attrs
import msgspec
import structlog

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Moment
from shared_kernel.events.cursors import Cursor
from shared_kernel.events.event_log import EventFeed
from shared_kernel.events.identity import MOST_RELAYS, LogKeys
from shared_kernel.events.seal import opens
from shared_kernel.storage.errors import is_fault

ASK_EVERY_US = 1_000_000
"""How often to ask the log again, however many envelopes have unknown relays."""
MOST_DISOWNED = 100

_log = structlog.get_logger(__name__)


class _Beat(msgspec.Struct):
    relays: tuple[str, ...] = ()


class Keyring:
    """Asks the log for its keys and its relays, and keeps them beside `cursor`.

    So a subscription can start and continue while the log's process is down.
    """

    def __init__(self, cursor: Cursor, feed: EventFeed) -> None:
        self._cursor = cursor
        self._feed = feed
        self._keys: LogKeys | None = None
        self._asked_us: int | None = None
        self._answer: LogKeys | None = None
        self._logged = False
        self._disowned: set[str] = set()

    def log(self, now: Moment) -> str:
        """The identity of the log; empty if unknown and the log does not answer."""
        keys = self._known() or self._asked(now)
        return keys.log if keys else ""

    def opens(self, envelope: Envelope, now: Moment) -> bool:
        """Whether the log's key sealed `envelope`, as far as is known now."""
        keys = self._known()
        if keys and opens(envelope, keys.for_position(envelope.position)):
            return True
        keys = self._asked(now)
        return keys is not None and opens(
            envelope, keys.for_position(envelope.position)
        )

    def knows(self, relay: str, now: Moment) -> bool | None:
        """Whether `relay` publishes the log; None if that is not known yet."""
        keys = self._known()
        if keys and relay in keys.relays:
            return True
        keys = self._asked(now)
        if keys is None:
            return False if relay in self._disowned else None
        if relay in keys.relays:
            return True
        if len(self._disowned) >= MOST_DISOWNED:
            self._disowned.clear()
        self._disowned.add(relay)
        return False

    def listen_to(self, beat: Envelope) -> None:
        """Learn of more relays, from the heartbeat of a known one.

        A replica of its process that stands by may take over while the log is
        unreachable.
        """
        keys = self._known()
        if keys is None:
            return
        try:
            announced = msgspec.json.decode(beat.data, type=_Beat).relays
        except msgspec.DecodeError:
            return
        if fresh := tuple(relay for relay in announced if relay not in keys.relays):
            self._keep(attrs.evolve(keys, relays=(fresh + keys.relays)[:MOST_RELAYS]))

    def _known(self) -> LogKeys | None:
        if self._keys is None and (kept := self._cursor.keys()):
            self._keys = msgspec.json.decode(kept, type=LogKeys)
        return self._keys

    def _asked(self, now: Moment) -> LogKeys | None:
        """The keys from the log itself, if it is time to ask and the log answers."""
        if self._asked_us is not None:
            if now.monotonic_us == self._asked_us:
                return self._answer
            if now.monotonic_us < self._asked_us + ASK_EVERY_US:
                return None
        self._asked_us, self._answer = now.monotonic_us, None
        try:
            keys = self._feed.keys()
        except Exception as error:
            if not is_fault(error):
                raise
            if not self._logged:
                self._logged = True
                _log.warning(
                    "keys not learned", source=self._feed.source, error=str(error)
                )
            return None
        self._logged = False
        if keys != self._keys:
            self._keep(keys)
        self._answer = keys
        return keys

    def _keep(self, keys: LogKeys) -> None:
        self._cursor.keep_keys(msgspec.json.encode(keys).decode())
        self._keys = keys
