"""Looks after subscriptions that break without a word.

The reader of a subscription whose topic was deleted gets no error, and no message.
"""

import threading
from collections.abc import Callable

import structlog

from shared_kernel.buses.port import BusError, BusMisconfiguredError
from shared_kernel.buses.pubsub.connection import Clients, PubSubConnection

LOOK_EVERY_S = 5.0
JOIN_S = 2.0

_log = structlog.get_logger(__name__)

Prepare = Callable[[Clients], None]
"""Makes a subscription, and its topic, if they are missing or not as declared."""


class Keeper:
    """Has each of them prepared once more every LOOK_EVERY_S seconds."""

    def __init__(self, connection: PubSubConnection) -> None:
        self._connection = connection
        self._kept: list[Prepare] = []
        self._state = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._complaints: set[str] = set()

    def add(self, prepare: Prepare) -> None:
        with self._state:
            self._kept.append(prepare)
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="storehouse-pubsub-keeper", daemon=True
                )
                self._thread.start()

    def remove(self, prepare: Prepare) -> None:
        with self._state:
            if prepare in self._kept:
                self._kept.remove(prepare)

    def look(self, prepare: Prepare) -> bool:
        """Whether it could be prepared. Logs once what an operator has to mend."""
        try:
            self._connection.ask(prepare)
        except BusMisconfiguredError as error:
            if str(error) not in self._complaints:
                self._complaints.add(str(error))
                _log.error("subscription cannot be read", error=str(error))
            return False
        except BusError:
            # That Pub/Sub is away is logged elsewhere.
            return False
        return True

    def close(self) -> None:
        """May be called again."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(JOIN_S)

    def _run(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            for prepare in list(self._kept):
                if self._ended.is_set():
                    return
                self.look(prepare)
