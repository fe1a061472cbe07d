"""The keys with which a subscription opens what the bus brings."""

import msgspec
import structlog

from shared_kernel.adapters.clock import Moment
from shared_kernel.adapters.storage.errors import is_fault
from shared_kernel.events.cursors import Cursor
from shared_kernel.events.envelope import Envelope
from shared_kernel.events.event_log import EventFeed
from shared_kernel.events.identity import LogKeys
from shared_kernel.events.seal import opens

ASK_EVERY_US = 1_000_000
"""So often the log is asked for another key, however many seals do not open."""

_log = structlog.get_logger(__name__)


class Keyring:
    """Asks the log for its keys, and keeps them beside `cursor`.

    So a subscription starts and goes on while the process that has the log is away.
    """

    def __init__(self, cursor: Cursor, feed: EventFeed) -> None:
        self._cursor = cursor
        self._feed = feed
        self._keys: LogKeys | None = None
        self._ask_us: int | None = None
        self._told = False

    def log(self, now: Moment) -> str:
        """The identity of the log, or nothing if nobody answers."""
        keys = self._known() or self._asked(now)
        return keys.log if keys else ""

    def opens(self, envelope: Envelope, now: Moment) -> bool:
        """Whether the log's key sealed `envelope`, as far as anybody can tell."""
        keys = self._known()
        if keys and opens(envelope, keys.for_position(envelope.position)):
            return True
        keys = self._asked(now)
        return keys is not None and opens(
            envelope, keys.for_position(envelope.position)
        )

    def _known(self) -> LogKeys | None:
        if self._keys is None and (kept := self._cursor.keys()):
            self._keys = msgspec.json.decode(kept, type=LogKeys)
        return self._keys

    def _asked(self, now: Moment) -> LogKeys | None:
        """What the log says now, if it says anything new."""
        if self._ask_us is not None and now.monotonic_us < self._ask_us:
            return None
        self._ask_us = now.monotonic_us + ASK_EVERY_US
        try:
            keys = self._feed.keys()
        except Exception as error:
            if not is_fault(error):
                raise
            if not self._told:
                self._told = True
                _log.warning(
                    "keys not learned", source=self._feed.source, error=str(error)
                )
            return None
        self._told = False
        if keys != self._keys:
            self._cursor.keep_keys(msgspec.json.encode(keys).decode())
            self._keys = keys
        return keys
