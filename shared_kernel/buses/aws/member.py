"""A member of a group on AWS: what it wants, and what it has not answered.

Its queues may be several; SNS may also deliver to it over HTTP.
"""

import itertools
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Deliver, Delivery

MOST_UNANSWERED = 32
"""Deliveries. A receiver has room for twice as many."""

Answer = Callable[[], None]


def _nothing() -> None:
    """Nobody waits for the answer."""


_log = structlog.get_logger(__name__)


class Member:
    """`matches` chooses by type. Any thread may deliver to it."""

    def __init__(
        self, name: str, matches: Callable[[str], bool], deliver: Deliver
    ) -> None:
        self.name = name
        self.matches = matches
        self._deliver = deliver
        self._left = threading.Event()
        self._state = threading.Condition()
        self._numbers = itertools.count()
        self._unanswered: dict[int, float] = {}

    @property
    def left(self) -> bool:
        return self._left.is_set()

    def leave(self) -> None:
        """Nothing is delivered from now on."""
        self._left.set()
        with self._state:
            self._state.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait, unless it leaves."""
        self._left.wait(seconds)

    def has_room(self, wait_s: float) -> bool:
        """Whether so little is unanswered, within that time, that more may come."""
        with self._state:
            return self._state.wait_for(
                lambda: self.left or self._count() < MOST_UNANSWERED, wait_s
            )

    def bring(
        self,
        envelopes: Sequence[Envelope],
        acknowledge: Answer,
        reject: Answer,
        until: float,
    ) -> None:
        """Deliver. After `until` (monotonic) no answer is expected any more."""
        number = next(self._numbers)
        with self._state:
            self._unanswered[number] = until
        delivery = Delivery(
            envelopes,
            acknowledge=lambda: self._answered(number, acknowledge),
            reject=lambda: self._answered(number, reject),
        )
        try:
            self._deliver(delivery)
        except Exception:  # noqa: BLE001 - the next delivery may be better
            _log.exception("delivery failed", group=self.name)
            delivery.reject()

    def bring_now(self, envelope: Envelope) -> None:
        """What needs no answer: it only hurries, and the log has it."""
        if self.matches(envelope.type) and not self.left:
            self.bring([envelope], _nothing, _nothing, time.monotonic())

    def has_taken(self, envelope: Envelope, within_s: float) -> bool:
        """Deliver, and wait whether it is acknowledged."""
        answered, taken = threading.Event(), threading.Event()

        def acknowledge() -> None:
            taken.set()
            answered.set()

        if self.matches(envelope.type) and not self.left:
            until = time.monotonic() + within_s
            self.bring([envelope], acknowledge, answered.set, until)
            answered.wait(within_s)
        return taken.is_set()

    def _answered(self, number: int, answer: Answer) -> None:
        with self._state:
            self._unanswered.pop(number, None)
            self._state.notify_all()
        answer()

    def _count(self) -> int:
        now = time.monotonic()
        for number in [n for n, until in self._unanswered.items() if until < now]:
            del self._unanswered[number]
        return len(self._unanswered)
