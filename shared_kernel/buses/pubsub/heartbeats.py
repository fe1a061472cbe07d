"""Heartbeats of all logs, for all who want some in this process.

Each process has a subscription of its own, which it deletes at its end. That of a
killed process expires.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import attrs
import structlog
import uuid_utils

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import BusError, Deliver, Delivery, Leave
from shared_kernel.buses.pubsub.answers import Answers
from shared_kernel.buses.pubsub.connection import Clients, PubSubConnection, ask
from shared_kernel.buses.pubsub.declared import (
    Terms,
    ensure_subscription,
    ensure_topic,
)
from shared_kernel.buses.pubsub.keeper import Keeper
from shared_kernel.buses.pubsub.messages import envelope_of
from shared_kernel.buses.pubsub.names import Names
from shared_kernel.buses.pubsub.pull import Pull

TERMS = Terms(max_age_s=600, expires_s=24 * 3600)
"""The shortest that Google accepts."""

_log = structlog.get_logger(__name__)


@attrs.frozen(eq=False)
class _Listener:
    matches: Callable[[str], bool]
    deliver: Deliver
    only_repeated: bool


class Heartbeats:
    """Begins to read when somebody listens."""

    def __init__(
        self,
        connection: PubSubConnection,
        names: Names,
        answers: Answers,
        keeper: Keeper,
    ) -> None:
        self._connection = connection
        self._keeper = keeper
        self._names = names
        self._answers = answers
        self._subscription = names.follower(names.heartbeats, str(uuid_utils.uuid7()))
        self._state = threading.Lock()
        self._listeners: list[_Listener] = []
        self._pull: Pull | None = None
        self._heads: dict[tuple[str, str, str], int] = {}

    def listen(
        self,
        matches: Callable[[str], bool],
        deliver: Deliver,
        *,
        only_repeated: bool = False,
    ) -> Leave:
        """With `only_repeated`, those that announce the same head as the one before.

        The first to announce a head may overtake its event, which has another topic.
        """
        listener = _Listener(matches, deliver, only_repeated)
        with self._state:
            self._listeners.append(listener)
            if self._pull is None:
                self._pull = Pull(
                    self._connection,
                    self._keeper,
                    self._subscription,
                    self._prepare,
                    self._bring,
                    "heartbeats",
                )
                self._pull.start()
        return partial(self._leave, listener)

    def close(self) -> None:
        """May be called again."""
        with self._state:
            self._listeners.clear()
            pull, self._pull = self._pull, None
        if pull is not None:
            pull.end()
            with suppress(BusError):
                self._connection.ask(self._delete)

    def _leave(self, listener: _Listener) -> None:
        with self._state:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def _prepare(self, clients: Clients) -> None:
        topic = self._names.heartbeats
        ensure_topic(clients, topic)
        ensure_subscription(clients, self._subscription, topic, TERMS)

    def _delete(self, clients: Clients) -> None:
        request = {"subscription": self._subscription}
        ask(clients.subscriber.delete_subscription, request)

    def _bring(self, received: Sequence[Any]) -> None:
        self._answers.acknowledge(self._subscription, [e.ack_id for e in received])
        beats = [envelope_of("", each.message) for each in received]
        repeated = [beat for beat in beats if self._is_repeated(beat)]
        for listener in list(self._listeners):
            of_them = repeated if listener.only_repeated else beats
            if wanted := [beat for beat in of_them if listener.matches(beat.type)]:
                try:
                    listener.deliver(Delivery(wanted))
                except Exception:  # noqa: BLE001 - the others want theirs
                    _log.exception("delivery failed", subscription=self._subscription)

    def _is_repeated(self, beat: Envelope) -> bool:
        source = beat.type, beat.log, beat.relay
        before, self._heads[source] = self._heads.get(source), beat.position
        return before == beat.position
