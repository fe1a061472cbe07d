"""Delivers what arrives on one subscription, and has it answered."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import structlog

from shared_kernel.buses.port import Deliver, Delivery
from shared_kernel.buses.pubsub.messages import envelope_of

_log = structlog.get_logger(__name__)


class Answering(Protocol):
    """How the messages with these ids are answered."""

    def acknowledge(self, subscription: str, ids: Sequence[str]) -> None: ...
    def reject(self, subscription: str, ids: Sequence[str]) -> None: ...
    def postpone(self, subscription: str, ids: Sequence[str], seconds: int) -> None: ...


class Receiver:
    """Messages of other programs have the type `subject`. `matches` chooses by type.

    What is not answered within `ack_wait_s` seconds comes again; without it, when the
    subscription says.
    """

    def __init__(
        self,
        answers: Answering,
        subscription: str,
        subject: str,
        matches: Callable[[str], bool],
        deliver: Deliver,
        ack_wait_s: int | None = None,
    ) -> None:
        self._answers = answers
        self._subscription = subscription
        self._subject = subject
        self._matches = matches
        self._deliver = deliver
        self._ack_wait_s = ack_wait_s
        self._left = False

    def bring(self, received: Sequence[Any]) -> None:
        """`received`: bare messages, each with its `ack_id`."""
        named = {
            each.ack_id: envelope_of(self._subject, each.message) for each in received
        }
        wanted = {id_: each for id_, each in named.items() if self._matches(each.type)}
        self._acknowledge([id_ for id_ in named if id_ not in wanted])
        if not wanted:
            return
        ids = list(wanted)
        reject = partial(self._answers.reject, self._subscription, ids)
        if self._left:
            reject()
            return
        if self._ack_wait_s:
            self._answers.postpone(self._subscription, ids, self._ack_wait_s)
        acknowledge = partial(self._acknowledge, ids)
        try:
            self._deliver(Delivery(list(wanted.values()), acknowledge, reject))
        except Exception:  # noqa: BLE001 - the next delivery may be better
            _log.exception("delivery failed", subscription=self._subscription)
            reject()

    def leave(self) -> None:
        """Deliver nothing from now on: others may have it."""
        self._left = True

    def _acknowledge(self, ids: Sequence[str]) -> None:
        self._answers.acknowledge(self._subscription, ids)
