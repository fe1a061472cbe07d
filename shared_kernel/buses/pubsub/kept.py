"""Keeps a subscription whose messages Pub/Sub posts: nothing has to be read."""

import threading
from collections.abc import Callable
from contextlib import suppress

from shared_kernel.buses.port import BusError
from shared_kernel.buses.pubsub.connection import Clients, PubSubConnection
from shared_kernel.buses.pubsub.pull import JOIN_S, Bring
from shared_kernel.buses.pubsub.pushes import Pushes

LOOK_EVERY_S = 10.0
LOOK_AGAIN_S = 1.0
"""While it cannot be made."""


class Kept:
    """What is posted for `subscription` is brought until `end`.

    `prepare` makes the subscription, now, and later if it is missing.
    """

    def __init__(
        self,
        connection: PubSubConnection,
        pushes: Pushes,
        subscription: str,
        prepare: Callable[[Clients], None],
        bring: Bring,
        name: str,
    ) -> None:
        self._connection = connection
        self._pushes = pushes
        self._subscription = subscription
        self._prepare = prepare
        self._bring = bring
        self._is_there = False
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"storehouse-pubsub-{name}", daemon=True
        )

    def start(self) -> None:
        """Return when the subscription exists, or when Pub/Sub turns out to be away."""
        self._pushes.register(self._subscription, self._bring)
        self._look()
        self._thread.start()

    def end(self) -> None:
        """May be called again."""
        self._pushes.remove(self._subscription)
        self._ended.set()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S if self._is_there else LOOK_AGAIN_S):
            self._look()

    def _look(self) -> None:
        self._is_there = False
        # It is logged.
        with suppress(BusError):
            self._connection.ask(self._prepare)
            self._is_there = True
