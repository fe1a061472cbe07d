"""Reads streams from a position on, without a group: nothing is kept for the reader.

What a reader misses while it is away stays in the stream. So the log is read only if
the stream has lost something.
"""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog

from shared_kernel.buses.port import Deliver, Delivery
from shared_kernel.buses.redis.messages import Entry, entries, envelope_of
from shared_kernel.buses.redis.reader import BLOCK_S

MOST = 1000
"""Entries of one request."""
LOOK_EVERY_S = 2.0
"""How often to look whether a stream that brings nothing is still the same."""
BEGINNING = "0-0"
PAUSE_S = 0.05
"""After a rejection: the receiver has enough to do."""
_LAST = 2**64 - 1
"""The greatest second half of an id."""

_log = structlog.get_logger(__name__)


class Following:
    """Delivers the entries behind `after`: stream and id, None for the newest one.

    Entries that are rejected are read again. `matches` chooses by type.
    """

    def __init__(
        self,
        after: dict[str, str | None],
        matches: Callable[[str], bool],
        deliver: Deliver,
    ) -> None:
        self._after = after
        self._matches = matches
        self._deliver = deliver
        self._state = threading.Lock()
        self._look_at: dict[str, float] = {}
        self._rejected = False
        self._left = False

    def begin(self, client: Any) -> None:
        """Note which are the newest entries now, where that is where it begins."""
        for stream, id_ in self._after.items():
            if id_ is None:
                newest = client.xrevrange(stream, count=1)
                self._after[stream] = newest[0][0].decode() if newest else BEGINNING

    def read(self, client: Any) -> None:
        self._look(client)
        with self._state:
            after, rejected = dict(self._after), self._rejected
            self._rejected = False
        if rejected:
            threading.Event().wait(PAUSE_S)
        answer = client.xread(after, count=MOST, block=int(BLOCK_S * 1000))
        for stream, found in entries(answer):
            self._look_at[stream] = time.monotonic() + LOOK_EVERY_S
            with self._state:
                self._after[stream] = found[-1][0].decode()
            self._bring(stream, found, after[stream])

    def _look(self, client: Any) -> None:
        """A stream that brings nothing may have been deleted, and begun anew."""
        now = time.monotonic()
        for stream in self._after:
            if now < self._look_at.get(stream, 0.0):
                continue
            self._look_at[stream] = now + LOOK_EVERY_S
            if client.exists(stream):
                newest = client.xinfo_stream(stream)["last-generated-id"].decode()
                with self._state:
                    if _first(newest) < _first(self._after[stream] or BEGINNING):
                        self._after[stream] = BEGINNING

    def leave(self) -> None:
        """Deliver nothing from now on."""
        self._left = True

    def give_back(self, client: Any) -> None:
        """Nobody else needs anything."""

    def _bring(self, stream: str, found: Sequence[Entry], before: str | None) -> None:
        envelopes = [envelope_of(stream, entry) for entry in found]
        wanted = [each for each in envelopes if self._matches(each.type)]
        if not wanted or self._left:
            return
        reject = partial(self._reject, stream, before)
        try:
            self._deliver(Delivery(wanted, reject=reject))
        except Exception:  # noqa: BLE001 - the next delivery may be better
            _log.exception("delivery failed", stream=stream)
            reject()

    def _reject(self, stream: str, before: str | None) -> None:
        """Read again from there."""
        with self._state:
            self._after[stream] = before
            self._rejected = True


def _first(id_: str) -> int:
    """Of a log's stream the position; the second half may be that of no entry."""
    return int(id_.partition("-")[0])


def behind(position: int) -> str:
    """The greatest id of any version of the event at `position`."""
    return f"{position}-{_LAST}"
