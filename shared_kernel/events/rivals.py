"""Detects that a copy of the log is published on the same bus (law 11).

Each relay is noted in the log's database before it publishes. A relay that has the
log's key and is not noted there publishes a copy of that database.
"""

from collections import deque
from collections.abc import Callable

import attrs

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Delivery
from shared_kernel.clock import Moment
from shared_kernel.events.identity import LogKeys
from shared_kernel.events.seal import opens

QUIET_US = 5_000_000
MOST = 64


@attrs.define(eq=False)
class Rivals:
    """`ask` returns the keys and relays of the log."""

    ask: Callable[[], LogKeys]
    _received: deque[Envelope] = attrs.field(factory=lambda: deque(maxlen=MOST))
    _until_us: int = 0

    def deliver(self, delivery: Delivery) -> None:
        self._received.extend(delivery.envelopes)
        delivery.acknowledge()

    def are_there(self, now: Moment, keys: LogKeys) -> bool:
        """Whether a copy of the log was published in the last seconds.

        `keys` are those of the log, possibly a little out of date.
        """
        while self._received:
            beat = self._received.popleft()
            if _is_rivals(beat, keys) and _is_rivals(beat, self.ask()):
                self._until_us = now.monotonic_us + QUIET_US
        return now.monotonic_us < self._until_us


def _is_rivals(beat: Envelope, keys: LogKeys) -> bool:
    return (
        beat.log == keys.log
        and beat.relay not in keys.relays
        and opens(beat, keys.for_position(beat.position))
    )
