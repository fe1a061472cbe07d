"""One broker, which may be away: then requests fail at once until the next attempt."""

import random
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from shared_kernel.buses.broker import Broker
from shared_kernel.buses.port import BusMisconfiguredError
from shared_kernel.clock import Clock, moments_of, system_clock
from shared_kernel.queues.port import BrokerAwayError, QueueMisconfiguredError

FIRST_BACKOFF_US, MAX_BACKOFF_US = 100_000, 5_000_000

MISCONFIGURED = (BusMisconfiguredError, QueueMisconfiguredError)

_log = structlog.get_logger(__name__)
C = TypeVar("C")
T = TypeVar("T")


class Link(Generic[C]):
    """Any thread may use it. `broker` says whether that can be reached.

    `shown` is its URL without credentials. `faults` are what `client` raises when it is
    away. `ping` is some request. `on_first_answer` is called once. Not `logged` is that
    it is away or back, if the client logs that itself. That an operator has to act is
    logged once.
    """

    def __init__(
        self,
        client: C,
        shown: str,
        faults: tuple[type[Exception], ...],
        *,
        ping: Callable[[C], object],
        on_first_answer: Callable[[C], None] | None = None,
        close: Callable[[], None] = lambda: None,
        logged: bool = True,
        clock: Clock = system_clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.shown = shown
        self.broker = Broker(
            shown.partition(":")[0], shown, lambda: self.ask(ping), clock=clock
        )
        self._client = client
        self._faults: tuple[type[Exception], ...] = (*faults, *MISCONFIGURED)
        self._on_first_answer = on_first_answer
        self._close = close
        self._logged = logged
        self._now = moments_of(clock)
        self._jitter = jitter
        self._state = threading.Lock()
        self._failures = 0
        self._again_us = 0
        self._told = ""

    @property
    def away(self) -> bool:
        return self._failures > 0

    def ask(self, request: Callable[[C], T]) -> T:
        """Raises BrokerAwayError."""
        self._wait_for_turn()
        try:
            answer = request(self._client)
        except self._faults as error:
            self._fail(error)
            raise BrokerAwayError(f"{self.shown}: {error}") from error
        self._succeed()
        return answer

    def close(self) -> None:
        self._close()

    def _wait_for_turn(self) -> None:
        with self._state:
            now_us = self._now().monotonic_us
            if now_us < self._again_us:
                raise BrokerAwayError(f"{self.shown} is away")
            if self._failures:
                # The others go on without it while this thread tries.
                self._again_us = now_us + self._backoff_us()

    def _fail(self, error: Exception) -> None:
        with self._state:
            self._failures += 1
            self._again_us = self._now().monotonic_us + self._backoff_us()
        if isinstance(error, MISCONFIGURED):
            self._tell(str(error))
        self.broker.lost(error, logged=self._logged)

    def _tell(self, what: str) -> None:
        if what != self._told:
            self._told = what
            _log.error("queue is not as needed", broker=self.shown, error=what)

    def _succeed(self) -> None:
        self.broker.found(logged=self._logged)
        # Nearly always nothing has changed.
        if not self._failures and self._on_first_answer is None:
            return
        with self._state:
            self._failures, self._again_us = 0, 0
            first, self._on_first_answer = self._on_first_answer, None
        if first is not None:
            first(self._client)

    def _backoff_us(self) -> int:
        longest_us = min(FIRST_BACKOFF_US << min(self._failures, 10), MAX_BACKOFF_US)
        return int(longest_us * (0.5 + self._jitter() / 2))
