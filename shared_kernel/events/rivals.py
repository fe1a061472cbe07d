"""Hears whether somebody else publishes what this relay alone may publish (law 11).

Two relays of one log send heartbeats for long only if there are two logs of one
identity: a database and its copy, on one broker. A relay that was stopped and goes on
sends one at the most before it notices that another one has its lease.
"""

from collections import deque
from collections.abc import Callable

import attrs

from shared_kernel.adapters.clock import Moment
from shared_kernel.buses.port import Delivery
from shared_kernel.events.envelope import Envelope
from shared_kernel.events.identity import LogKeys
from shared_kernel.events.seal import opens

SETTLED_US = 2_000_000
"""So long after it began to lead, a relay may hear the one that led before it."""
APART_US = 900_000
"""Two heartbeats of one sender, and not one that came late together with the next."""
QUIET_US = 5_000_000
MOST = 64


@attrs.define(eq=False)
class Rivals:
    """`relay` is the one that listens."""

    relay: str
    keys: Callable[[], LogKeys]
    _heard: deque[Envelope] = attrs.field(factory=lambda: deque(maxlen=MOST))
    _first_us: dict[str, int] = attrs.field(factory=dict)
    _until_us: int = 0

    def deliver(self, delivery: Delivery) -> None:
        self._heard.extend(delivery.envelopes)
        delivery.acknowledge()

    def are_there(self, now: Moment, led_since_us: int) -> bool:
        """Whether a copy of the log is being published, as of the last seconds."""
        settled = now.monotonic_us - led_since_us >= SETTLED_US
        while self._heard:
            beat = self._heard.popleft()
            if settled and self._is_rival(beat):
                self._note(beat.relay, now.monotonic_us)
        return now.monotonic_us < self._until_us

    def _is_rival(self, beat: Envelope) -> bool:
        keys = self.keys()
        return (
            beat.log == keys.log
            and beat.relay != self.relay
            and opens(beat, keys.for_position(beat.position))
        )

    def _note(self, rival: str, now_us: int) -> None:
        if now_us - self._first_us.setdefault(rival, now_us) >= APART_US:
            self._until_us = now_us + QUIET_US
