"""A broker as its clients know it: whether it can be reached, and what it refuses."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

import attrs
import structlog

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Clock, system_clock

TOLD = 1000
"""How many events too large are remembered, so that each is told once."""
SILENCE_S = 5.0
"""After this long without a request, the broker itself is asked."""

_log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class BrokerState:
    """`kind` is the scheme of its URL, `address` its URL without credentials, if any.

    `reachable` has been so since `since`; both are None if they are unknown. Within
    one process it is always reachable. `too_large` counts the events of this process
    that the broker does not take for their size: they are read from the log.
    """

    kind: str
    address: str = ""
    reachable: bool | None = None
    since: datetime | None = None
    too_large: int = 0

    def __str__(self) -> str:
        return self.address or self.kind


class Broker:
    """Who talks to the broker says whether it answers. Any thread may call it.

    It logs once that the broker is away, and that it is back, unless the caller does.
    If nothing was heard for SILENCE_S, `ask` sends some request and calls `found` or
    `lost`, within seconds; it may raise anything.
    """

    def __init__(
        self,
        kind: str,
        address: str,
        ask: Callable[[], object] | None = None,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self._kind = kind
        self._address = address
        self._ask = ask
        self._clock = clock
        self._changing = threading.Lock()
        self._reachable: bool | None = None
        self._since: datetime | None = None
        self._heard_s: float | None = None
        self._too_large = 0
        self._told: deque[tuple[str, str]] = deque(maxlen=TOLD)

    def found(self, *, logged: bool = True) -> None:
        """It has answered."""
        self._heard_s = time.monotonic()
        if self._reachable is True:
            return
        if self._change(to=True) is False and logged:
            _log.info("broker is back", broker=self._address)

    def lost(self, why: object, *, logged: bool = True) -> None:
        """It has not answered."""
        self._heard_s = time.monotonic()
        if self._change(to=False) is not False and logged:
            _log.warning(
                "broker is away",
                broker=self._address,
                error=str(why),
            )

    def too_large(self, envelope: Envelope, size_bytes: int, limit_bytes: int) -> None:
        """The broker does not take it, so it is left out; told and counted once.

        A relay that was interrupted publishes it again.
        """
        message = envelope.id, envelope.type
        with self._changing:
            if message in self._told:
                return
            self._told.append(message)
            self._too_large += 1
        _log.error(
            "event is larger than the broker takes: it is read from the log",
            broker=self._address,
            source=envelope.source,
            position=envelope.position,
            event_id=envelope.id,
            event_type=envelope.type,
            size_bytes=size_bytes,
            limit_bytes=limit_bytes,
        )

    def state(self) -> BrokerState:
        """Asks it first, if nothing was heard of it."""
        if self._ask is not None and self._is_silent():
            with suppress(Exception):
                self._ask()
        with self._changing:
            return BrokerState(
                kind=self._kind,
                address=self._address,
                reachable=self._reachable,
                since=self._since,
                too_large=self._too_large,
            )

    def _is_silent(self) -> bool:
        heard_s = self._heard_s
        return heard_s is None or time.monotonic() - heard_s > SILENCE_S

    def _change(self, *, to: bool) -> bool | None:
        """Return what it was before."""
        with self._changing:
            before = self._reachable
            if before is not to:
                self._reachable, self._since = to, self._clock()
            return before


def overall(kind: str, states: Sequence[BrokerState]) -> BrokerState:
    """Of several that are needed: reachable if all are."""
    addresses = ",".join(sorted({each.address for each in states}))
    for answer in (False, None, True):
        found = [each for each in states if each.reachable is answer]
        if found:
            moments = [each.since for each in found if each.since]
            pick = max if answer else min
            return BrokerState(
                kind=kind,
                address=addresses,
                reachable=answer,
                since=pick(moments) if moments else None,
            )
    return BrokerState(kind=kind, address=addresses)
