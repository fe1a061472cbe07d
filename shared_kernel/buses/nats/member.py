"""A member of a group on NATS: hands on, in a thread of its own, what has come.

So a member that takes its time keeps neither the connection nor another member waiting.
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
    """`bring` is called with what becomes a delivery in the member's own thread."""

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
        """What the members that share each message have in common.

        The pattern too: NATS itself would let groups of one name share what several
        patterns match.
        """
        words = {"*": "any", ">": "all"}
        tokens = f"{self.group}.{self.pattern}".split(".")
        return "-".join(re.sub(r"[^\w-]", "_", words.get(t, t)) for t in tokens)

    @property
    def left(self) -> bool:
        return self._left.is_set()

    @property
    def waiting(self) -> int:
        """How many deliveries have not been handed on."""
        return self._waiting.qsize()

    def bring(self, delivery: Callable[[], Delivery]) -> None:
        self._waiting.put(delivery)

    def leave(self) -> None:
        """Hand on nothing from now on; what was brought meanwhile is rejected."""
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
