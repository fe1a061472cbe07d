"""A member of a group on NATS, with a thread of its own for deliveries.

So a slow member delays neither the connection nor another member.
"""

import queue
import re
import threading
from collections.abc import Callable

import structlog

from shared_kernel.buses.port import Deliver, Delivery

CLOSE_S = 2.0

_log = structlog.get_logger(__name__)


class Member:
    """`bring` takes what the member's own thread turns into a delivery."""

    def __init__(self, pattern: str, group: str, deliver: Deliver) -> None:
        self.pattern = pattern
        self.group = group
        self._deliver = deliver
        self._waiting: queue.SimpleQueue[Callable[[], Delivery] | None] = (
            queue.SimpleQueue()
        )
        self._left = threading.Event()
        self._thread = threading.Thread(
            target=self._hand_on, name=f"storehouse-nats-{group}", daemon=True
        )
        self._thread.start()

    @property
    def name(self) -> str:
        """The queue group of the members that share messages.

        It includes the pattern: for NATS, groups of the same name share messages that
        several patterns match.
        """
        words = {"*": "any", ">": "all"}
        tokens = f"{self.group}.{self.pattern}".split(".")
        return "-".join(re.sub(r"[^\w-]", "_", words.get(t, t)) for t in tokens)

    @property
    def left(self) -> bool:
        return self._left.is_set()

    @property
    def waiting(self) -> int:
        """How many deliveries are waiting."""
        return self._waiting.qsize()

    def bring(self, delivery: Callable[[], Delivery]) -> None:
        self._waiting.put(delivery)

    def leave(self) -> None:
        """Deliver nothing from now on; reject what is waiting."""
        self._left.set()
        self._waiting.put(None)
        if self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)

    def _hand_on(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            delivery = waiting()
            if self.left:
                delivery.reject()
                continue
            try:
                self._deliver(delivery)
            except Exception:  # noqa: BLE001 - the next delivery may be better
                _log.exception(
                    "delivery failed", pattern=self.pattern, group=self.group
                )
                delivery.reject()
