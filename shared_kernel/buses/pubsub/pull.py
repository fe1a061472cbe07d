"""A thread that reads a subscription by streaming pull, and resumes after faults."""

import queue
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from google.pubsub_v1 import types

from shared_kernel.buses.port import BusError
from shared_kernel.buses.pubsub.connection import FAULTS, Clients, PubSubConnection
from shared_kernel.buses.pubsub.keeper import JOIN_S, Keeper, Prepare

MOST_MESSAGES, MOST_BYTES = 1000, 50_000_000
"""Delivered and not answered yet."""
DEADLINE_S = 10
GOODBYE_S = 0.5
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.05, 1.0

_Request = types.StreamingPullRequest
_Response = types.StreamingPullResponse

Bring = Callable[[Sequence[Any]], None]
"""Is given bare received messages: `ack_id` and `message`."""


class Pull:
    """`prepare` makes the subscription, before the first reading and after each fault.

    `bring` is called with what arrives, also after `end`. `name` is that of the thread.
    A slow receiver delays no other reader.
    """

    def __init__(
        self,
        connection: PubSubConnection,
        keeper: Keeper,
        subscription: str,
        prepare: Prepare,
        bring: Bring,
        name: str,
        *,
        deadline_s: int = DEADLINE_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._keeper = keeper
        self._subscription = subscription
        self._prepare = prepare
        self._bring = bring
        self._deadline_s = deadline_s
        self._jitter = jitter
        self._is_prepared = False
        self._failures = 0
        self._call: Any = None
        self._requests: _Requests | None = None
        self._calling = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"storehouse-pubsub-{name}", daemon=True
        )

    def start(self) -> None:
        """Return when the subscription exists, or when Pub/Sub turns out to be away."""
        self._is_prepared = self._keeper.look(self._prepare)
        self._keeper.add(self._prepare)
        self._thread.start()

    def end(self) -> None:
        """May be called again."""
        self._keeper.remove(self._prepare)
        self._ended.set()
        self._say_goodbye()
        if self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)

    def _say_goodbye(self) -> None:
        """End the stream in order: of a broken one others get nothing for a while."""
        with self._calling:
            call = self._call
            if self._requests is not None:
                self._requests.end()
        if self._thread is not threading.current_thread():
            self._thread.join(GOODBYE_S)
        if call is not None:
            call.cancel()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def _run(self) -> None:
        while not self.ended:
            try:
                if self._is_prepared or self._keeper.look(self._prepare):
                    self._is_prepared = False
                    self._read(self._connection.clients())
                self._back_off()
            except BusError:
                # Of the clients: there are no credentials, which is logged.
                self._back_off()
            except FAULTS as error:
                if not self.ended:
                    self._connection.lost(error)
                    self._back_off()

    def _read(self, clients: Clients) -> None:
        """Until the stream breaks, which raises one of FAULTS, or ends."""
        with self._calling:
            if self.ended:
                return
            requests = self._requests = _Requests(self._first_request())
            routing = f"subscription={self._subscription}"
            self._call = clients.streaming_pull(
                requests, metadata=[("x-goog-request-params", routing)]
            )
        try:
            for response in self._call:
                self._failures = 0
                self._connection.broker.found()
                self._bring(_Response.pb(response).received_messages)
        finally:
            requests.end()
            self._call.cancel()

    def _first_request(self) -> types.StreamingPullRequest:
        return _Request(
            subscription=self._subscription,
            stream_ack_deadline_seconds=self._deadline_s,
            max_outstanding_messages=MOST_MESSAGES,
            max_outstanding_bytes=MOST_BYTES,
        )

    def _back_off(self) -> None:
        self._failures += 1
        at_most_s = min(FIRST_BACKOFF_S * 2 ** min(self._failures, 16), MAX_BACKOFF_S)
        self._ended.wait(at_most_s * (0.5 + self._jitter() / 2))


class _Requests(Iterator[types.StreamingPullRequest]):
    """The first one, and then none until the end: the stream stays open."""

    def __init__(self, first: types.StreamingPullRequest) -> None:
        self._waiting: queue.SimpleQueue[types.StreamingPullRequest | None] = (
            queue.SimpleQueue()
        )
        self._waiting.put(first)

    def __next__(self) -> types.StreamingPullRequest:
        request = self._waiting.get()
        if request is None:
            raise StopIteration
        return request

    def end(self) -> None:
        self._waiting.put(None)
