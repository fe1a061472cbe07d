"""Acknowledges and rejects in a thread of its own: no receiver waits for it."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

import attrs
import structlog

from shared_kernel.buses.port import BusError
from shared_kernel.buses.pubsub.connection import Clients, PubSubConnection, ask

MOST = 1000
"""Ids of one request."""
FLUSH_S = 2.0

_log = structlog.get_logger(__name__)


@attrs.frozen
class _Kind:
    """`seconds` until the message comes again; without it, it does not."""

    subscription: str
    seconds: int | None


class Answers:
    """What fails is not repeated: the message comes again, and is answered again."""

    def __init__(self, connection: PubSubConnection) -> None:
        self._connection = connection
        self._state = threading.Condition()
        self._waiting: dict[_Kind, list[str]] = defaultdict(list)
        self._sending = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def acknowledge(self, subscription: str, ids: Sequence[str]) -> None:
        self._put(_Kind(subscription, None), ids)

    def reject(self, subscription: str, ids: Sequence[str]) -> None:
        self._put(_Kind(subscription, 0), ids)

    def postpone(self, subscription: str, ids: Sequence[str], seconds: int) -> None:
        """Have what is not answered come again after so many seconds."""
        self._put(_Kind(subscription, seconds), ids)

    def flush(self) -> None:
        """Return when all are sent, or have failed, or after FLUSH_S seconds."""
        with self._state:
            self._state.wait_for(lambda: not self._is_busy, FLUSH_S)

    def close(self) -> None:
        """Send what is there. May be called again."""
        self.flush()
        with self._state:
            self._closed = True
            self._state.notify_all()
        if self._thread is not None:
            self._thread.join(FLUSH_S)

    @property
    def _is_busy(self) -> bool:
        return self._sending or bool(self._waiting)

    def _put(self, kind: _Kind, ids: Sequence[str]) -> None:
        if not ids:
            return
        with self._state:
            if self._closed:
                return
            self._waiting[kind] += ids
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="storehouse-pubsub-answers", daemon=True
                )
                self._thread.start()
            self._state.notify_all()

    def _run(self) -> None:
        while True:
            with self._state:
                self._sending = False
                self._state.notify_all()
                self._state.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                waiting, self._waiting = self._waiting, defaultdict(list)
                self._sending = True
            for kind, ids in waiting.items():
                for first in range(0, len(ids), MOST):
                    self._send(kind, ids[first : first + MOST])

    def _send(self, kind: _Kind, ids: Sequence[str]) -> None:
        request = {"subscription": kind.subscription, "ack_ids": ids}

        def send(clients: Clients) -> None:
            if kind.seconds is None:
                ask(clients.subscriber.acknowledge, request)
            else:
                until = {"ack_deadline_seconds": kind.seconds}
                ask(clients.subscriber.modify_ack_deadline, request | until)

        with suppress(BusError):
            self._connection.ask(send)
