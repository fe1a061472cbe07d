"""The bus without a broker: the logs of other processes, read as they grow."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from shared_kernel.buses.broker import Broker, BrokerState, overall
from shared_kernel.buses.envelope import HEARTBEAT, Envelope, heartbeat
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import Capabilities, Deliver, Leave
from shared_kernel.clock import Clock, system_clock, to_us

BATCH = 1000
POLL_S = 1
"""How long a poll waits for new events, and how long closing may wait for a poll."""
PACE_S = 0.1
"""How often to ask a log whose process answers at once: it may be out of long polls."""
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.05, 1.0
JOIN_S = 2.5

_log = structlog.get_logger(__name__)


class RemoteFeed(Protocol):
    """The log of a source in another process. Raises OSError if that is unreachable."""

    @property
    def source(self) -> str: ...

    @property
    def address(self) -> str:
        """Of that process, without credentials."""

    def head(self) -> int: ...

    def wait_for_events(
        self, after: int, limit: int, wait_s: int
    ) -> tuple[Sequence[Envelope], int]:
        """The events after position `after`, once there are any, and the log's head.

        There may be none, after `wait_s` or sooner.
        """


class FeedBus:
    """Delivers this process's own events in process, and fetches those of others.

    For each of `feeds` with a subscriber, a thread reads from what was the end of the
    log when it started. Subscriptions read older events themselves.
    """

    capabilities = Capabilities(
        between_processes=True,
        between_replicas=False,
        at_least_once=False,
        waits_for_members=False,
        in_order=True,
    )

    def __init__(
        self,
        feeds: Sequence[RemoteFeed],
        clock: Clock = system_clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._local = InProcessBus()
        self._feeds = {f"{HEARTBEAT}.{feed.source}": feed for feed in feeds}
        self._peers = {
            feed.source: Broker("feed", feed.address, clock=clock) for feed in feeds
        }
        self._clock = clock
        self._jitter = jitter
        self._closed = threading.Event()
        self._starting = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}

    def broker(self) -> BrokerState:
        """The other processes with a log; unknown while one of them is not followed."""
        return overall("feed", [peer.state() for peer in self._peers.values()])

    def open(self) -> None:
        """Do nothing: no feed is read before it has a subscriber."""

    def publish(self, batch: Sequence[Envelope]) -> None:
        self._local.publish(batch)

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        leave = self._local.subscribe(pattern, group, deliver)
        # A subscriber to all events of a source also gets its heartbeats.
        matches = matcher(pattern)
        for heartbeats, feed in self._feeds.items():
            if matches(heartbeats):
                self._follow(feed)
        return leave

    def close(self) -> None:
        self._closed.set()
        self._local.close()
        with self._starting:
            threads, self._threads = self._threads, {}
        deadline = time.monotonic() + JOIN_S
        for thread in threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def _follow(self, feed: RemoteFeed) -> None:
        with self._starting:
            if feed.source not in self._threads and not self._closed.is_set():
                thread = threading.Thread(
                    target=self._loop,
                    args=[feed],
                    name=f"storehouse-feed-{feed.source}",
                    daemon=True,
                )
                self._threads[feed.source] = thread
                thread.start()

    def _loop(self, feed: RemoteFeed) -> None:
        peer = self._peers[feed.source]
        position: int | None = None
        failures = 0
        while not self._closed.is_set():
            asked_at = time.monotonic()
            try:
                if position is None:
                    position = feed.head()
                # After a failure the first request does not wait for events: that the
                # process answers is all we need to know.
                wait_s = 0 if failures else POLL_S
                batch, head = feed.wait_for_events(position, BATCH, wait_s)
            except OSError as error:
                failures += 1
                if failures == 1:
                    _log.warning("feed lost", source=feed.source, error=str(error))
                peer.lost(error, logged=False)
                self._back_off(failures)
                continue
            if failures:
                _log.info("feed is back", source=feed.source)
                failures = 0
            peer.found(logged=False)
            if batch:
                position = batch[-1].position
                self._local.publish(batch)
            now_us = to_us(self._clock())
            self._local.publish([heartbeat(feed.source, head, now_us)])
            if not batch:
                self._closed.wait(max(0.0, asked_at + PACE_S - time.monotonic()))

    def _back_off(self, failures: int) -> None:
        at_most_s = min(FIRST_BACKOFF_S * 2 ** min(failures, 16), MAX_BACKOFF_S)
        self._closed.wait(at_most_s * (0.5 + self._jitter() / 2))
