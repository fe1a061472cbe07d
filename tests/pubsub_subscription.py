"""A subscription of the Pub/Sub server: what waits in it, and what its readers hold."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import attrs
from google.pubsub_v1 import types

from tests.pubsub_limits import DEFAULT_DEADLINE_S, MOST_BYTES, MOST_MESSAGES


@attrs.frozen(eq=False)
class Stream:
    """A reader, which holds so much at most without having answered."""

    most: int
    most_bytes: int
    deadline_s: int = 0


@attrs.define(eq=False)
class Message:
    """One on its way to one subscription."""

    number: int
    content: Any
    attempts: int = 0
    not_before: float = 0.0
    deadline: float = 0.0
    holder: Stream | None = None

    @property
    def ack_id(self) -> str:
        return f"{self.number}-{self.attempts}"

    @property
    def key(self) -> str:
        return str(self.content.ordering_key)


class Subscription:
    def __init__(self, config: Any) -> None:
        self.config = config
        self.waiting: deque[Message] = deque()
        self.held: dict[int, Message] = {}
        self.streams: set[Stream] = set()
        self._changed = asyncio.Event()

    async def wait(self, timeout_s: float) -> None:
        """Until there may be something, or for so long."""
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except TimeoutError:
            return

    def add(self, message: Message) -> None:
        self.waiting.append(message)
        self._changed.set()

    def take(self, stream: Stream) -> list[Any]:
        """What it may have now, as received messages.

        Of one ordering key only one stream has messages, and none overtakes another.
        """
        now = time.monotonic()
        found: list[Any] = []
        mine = [each for each in self.held.values() if each.holder is stream]
        room, size = stream.most - len(mine), 0
        blocked, passed = self._keys_of_others(stream), []
        while self.waiting and len(found) < min(room, MOST_MESSAGES):
            message = self.waiting.popleft()
            if message.not_before > now or message.key in blocked:
                blocked |= {message.key} - {""}
                passed.append(message)
                continue
            found.append(self._hold(message, stream, now))
            size += message.content.ByteSize()
            if size > min(stream.most_bytes, MOST_BYTES):
                break
        self.waiting.extendleft(reversed(passed))
        return found

    def _keys_of_others(self, stream: Stream) -> set[str]:
        if not self.config.enable_message_ordering:
            return set()
        held = self.held.values()
        return {each.key for each in held if each.holder is not stream} - {""}

    def _hold(self, message: Message, stream: Stream, now: float) -> Any:
        message.attempts += 1
        message.holder = stream
        message.deadline = now + (
            stream.deadline_s or self.config.ack_deadline_seconds or DEFAULT_DEADLINE_S
        )
        self.held[message.number] = message
        return types.ReceivedMessage.pb()(
            ack_id=message.ack_id, message=message.content
        )

    def found(self, ack_ids: Sequence[str]) -> list[Message]:
        """Those that are still held under these ids."""
        numbered = [(int(each.partition("-")[0]), each) for each in ack_ids]
        return [
            self.held[number]
            for number, ack_id in numbered
            if number in self.held and self.held[number].ack_id == ack_id
        ]

    def forget(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.held.pop(number, None)
        self._changed.set()

    def give_back(self, message: Message) -> None:
        """With all later ones of its key: they come again in order."""
        if message.number not in self.held:
            return
        ordered = self.config.enable_message_ordering and message.key
        back = [message]
        if ordered:
            back = [each for each in self.held.values() if each.key == message.key]
            back = [each for each in back if each.number >= message.number]
        message.not_before = time.monotonic() + self._backoff_s(message.attempts)
        for each in back:
            del self.held[each.number]
        self.waiting.extendleft(
            sorted(back, key=lambda each: each.number, reverse=True)
        )
        self._changed.set()

    def _backoff_s(self, attempts: int) -> float:
        policy = self.config.retry_policy
        first = policy.minimum_backoff.ToTimedelta().total_seconds()
        most = policy.maximum_backoff.ToTimedelta().total_seconds()
        return float(min(first * 2 ** min(attempts - 1, 16), most))
