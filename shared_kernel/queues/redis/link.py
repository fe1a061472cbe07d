"""One Redis, which may be away: then requests fail at once until the next attempt."""

import random
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from shared_kernel.buses.redis.address import RedisAddress
from shared_kernel.clock import Clock, moments_of, system_clock
from shared_kernel.queues.port import QueueError, QueueMisconfiguredError

if TYPE_CHECKING:
    from redis import Redis

TIMEOUT_S = 2.0
"""For a connection, and for an answer."""
FIRST_BACKOFF_US, MAX_BACKOFF_US = 100_000, 5_000_000

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class RedisAwayError(QueueError, ConnectionError):
    """Redis was not reached, or refused; what was asked may have been done.

    A fault of the infrastructure (`is_fault`): no message is given up for it.
    """


class Link:
    """Any thread may use it. What it logs is that Redis is away, and that it is back.

    With the first answer it warns if Redis forgets everything when it is killed.
    """

    def __init__(
        self,
        client: "Redis",
        shown: str,
        faults: tuple[type[Exception], ...],
        *,
        clock: Clock = system_clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.shown = shown
        self._client = client
        self._faults = faults
        self._now = moments_of(clock)
        self._jitter = jitter
        self._state = threading.Lock()
        self._failures = 0
        self._again_us = 0
        self._storage_known = False

    @property
    def away(self) -> bool:
        return self._failures > 0

    def ask(self, request: Callable[["Redis"], T]) -> T:
        """Raises RedisAwayError."""
        self._wait_for_turn()
        try:
            answer = request(self._client)
        except self._faults as error:
            self._fail(error)
            raise RedisAwayError(f"{self.shown}: {error}") from error
        self._succeed()
        return answer

    def close(self) -> None:
        self._client.close()

    def _wait_for_turn(self) -> None:
        with self._state:
            now_us = self._now().monotonic_us
            if now_us < self._again_us:
                raise RedisAwayError(f"{self.shown} is away")
            if self._failures:
                # The others go on without it while this thread tries.
                self._again_us = now_us + self._backoff_us()

    def _fail(self, error: Exception) -> None:
        with self._state:
            first = not self._failures
            self._failures += 1
            self._again_us = self._now().monotonic_us + self._backoff_us()
        if first:
            _log.warning("redis is away", redis=self.shown, error=str(error))

    def _succeed(self) -> None:
        # Nearly always nothing has changed.
        if not self._failures and self._storage_known:
            return
        with self._state:
            failures, self._failures, self._again_us = self._failures, 0, 0
            storage_known, self._storage_known = self._storage_known, True
        if failures:
            _log.info("redis is back", redis=self.shown)
        if not storage_known:
            self._look_at_storage()

    def _backoff_us(self) -> int:
        longest_us = min(FIRST_BACKOFF_US << min(self._failures, 10), MAX_BACKOFF_US)
        return int(longest_us * (0.5 + self._jitter() / 2))

    def _look_at_storage(self) -> None:
        try:
            found: Any = self._client.config_get("appendonly")
        except self._faults:
            found = {}
        appends = found.get("appendonly")
        if appends is None:
            _log.warning(
                "unknown whether redis has an append-only file", redis=self.shown
            )
        elif appends != "yes":
            _log.warning(
                "redis has no append-only file",
                redis=self.shown,
                hint="messages of other programs are lost when it ends: appendonly yes",
            )


def open_link(
    url: str,
    *,
    clock: Clock = system_clock,
    jitter: Callable[[], float] = random.random,
    ca_file: str | None = None,
) -> Link:
    """To the Redis in `url` (`url.py`); connects when it is first asked.

    `ca_file` verifies its certificate instead of the system's authorities. Raises
    QueueMisconfiguredError without the extra `redis`.
    """
    address = RedisAddress.of(url)
    # The client is an optional extra.
    try:
        import redis  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError as error:
        raise QueueMisconfiguredError(
            f"{address.shown} needs the extra `redis`: pip install 'storehouse[redis]'"
        ) from error
    client = redis.Redis(
        host=address.host,
        port=address.port,
        db=address.database,
        username=address.user,
        password=address.password,
        # Its answers are the same from every version.
        protocol=2,
        # A pop that was repeated unseen would hold two messages.
        retry=Retry(NoBackoff(), 0),
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        ssl=address.tls,
        ssl_ca_certs=ca_file,
    )
    faults = (redis.RedisError, OSError)
    return Link(client, address.shown, faults, clock=clock, jitter=jitter)
