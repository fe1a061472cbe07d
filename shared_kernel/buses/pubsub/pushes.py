"""Messages that Pub/Sub posts to this process, instead of waiting to be asked."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import attrs
import uuid_utils

WAIT_S = 5.0
"""How long a message may take until it is answered; it is posted again after that."""
PATH = "/pubsub"


@attrs.frozen(kw_only=True)
class PushDoor:
    """Where Pub/Sub posts, as which service account, and for whom its tokens are."""

    url: str
    account: str
    audience: str

    def endpoint(self, subscription: str) -> str:
        return f"{self.url}{PATH}/{subscription.rpartition('/')[2]}"


class RefusedTokenError(Exception):
    """It proves nothing. The message says what was expected."""


class CertificatesMissingError(Exception):
    """Google's certificates cannot be fetched now."""


class Tokens(Protocol):
    def verify(self, token: str) -> None:
        """Raises RefusedTokenError and CertificatesMissingError."""


@attrs.frozen(kw_only=True)
class PushedMessage:
    data: bytes
    attributes: Mapping[str, str]
    message_id: str


@attrs.frozen
class Received:
    """As a streaming pull brings it."""

    ack_id: str
    message: PushedMessage


Bring = Callable[[Sequence[Received]], None]


class _Answer:
    def __init__(self) -> None:
        self.given = threading.Event()
        self.taken = False

    def give(self, *, taken: bool) -> None:
        self.taken = taken
        self.given.set()


class Pushes:
    """Brings what is posted to the receiver of its subscription. Any thread may.

    `tokens` tells whether it was Pub/Sub that posted it. The methods without docstring
    are those of `Answers`.
    """

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self._receivers: dict[str, Bring] = {}
        self._waiting: dict[str, _Answer] = {}

    def register(self, subscription: str, bring: Bring) -> None:
        self._receivers[subscription.rpartition("/")[2]] = bring

    def remove(self, subscription: str) -> None:
        self._receivers.pop(subscription.rpartition("/")[2], None)

    def take(self, subscription: str, message: PushedMessage) -> bool:
        """Whether it was acknowledged: then Pub/Sub may forget it.

        `subscription` is its id. False if nobody here reads it, as on a replica without
        the lease.
        """
        bring = self._receivers.get(subscription)
        if bring is None:
            return False
        id_, answer = str(uuid_utils.uuid7()), _Answer()
        self._waiting[id_] = answer
        try:
            bring([Received(id_, message)])
            answer.given.wait(WAIT_S)
        finally:
            del self._waiting[id_]
        return answer.taken

    def acknowledge(self, subscription: str, ids: Sequence[str]) -> None:
        self._answer(ids, taken=True)

    def reject(self, subscription: str, ids: Sequence[str]) -> None:
        self._answer(ids, taken=False)

    def postpone(self, subscription: str, ids: Sequence[str], seconds: int) -> None:
        """Nothing: who does not get 204 posts it again."""

    def _answer(self, ids: Sequence[str], *, taken: bool) -> None:
        for id_ in ids:
            # It may be too late.
            if answer := self._waiting.get(id_):
                answer.give(taken=taken)
