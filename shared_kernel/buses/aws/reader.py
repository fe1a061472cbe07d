"""A thread that receives from one queue for a member, and resumes after faults."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import attrs

from shared_kernel.buses.aws.answers import Answer, Answers
from shared_kernel.buses.aws.client import FAULTS, WAIT_S, AwsClients, is_gone
from shared_kernel.buses.aws.connection import AwsConnection
from shared_kernel.buses.aws.member import Member
from shared_kernel.buses.aws.messages import envelope_of
from shared_kernel.buses.aws.queues import Queue
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import BusMisconfiguredError

FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.05, 1.0
REFUSED_S = 5.0
"""Between two attempts that only an operator can help."""
MAX_DELAY_S = 5
_TIMES = "ApproximateReceiveCount"

Message = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Source:
    """A queue: how to `declare` it, and what to make of its messages.

    `subject` is the type of those that are no events of ours. `most` is how many are
    received at a time. After `silence_s` without a message, the reader sees whether
    topic and queue are still joined.
    """

    declare: Callable[[AwsClients], Queue]
    subject: str
    most: int
    ack_wait_s: int
    silence_s: float


class Reader:
    """Several may read for one member. A slow member delays no other one."""

    def __init__(
        self,
        connection: AwsConnection,
        source: Source,
        member: Member,
        answers: Answers,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._clients = connection.clients
        self._source = source
        self._member = member
        self._answers = answers
        self._jitter = jitter
        self._queue: Queue | None = None
        self._last_sign = 0.0
        self._thread = threading.Thread(
            target=self._run, name=f"storehouse-aws-{member.name}", daemon=True
        )

    def start(self) -> None:
        """Return when the queue gets messages, or when AWS turns out to be away."""
        with suppress(*FAULTS, BusMisconfiguredError):
            self._declare()
        self._thread.start()

    def end(self, within_s: float) -> Queue | None:
        """Wait for its end when the member has left; return its queue."""
        if self._thread is not threading.current_thread():
            self._thread.join(within_s)
        return self._queue

    def _run(self) -> None:
        failures = 0
        while not self._member.left:
            try:
                if self._queue is None or self._is_silent():
                    self._declare()
                self._read()
            except BusMisconfiguredError as error:
                self._connection.refused(error)
                self._member.pause(REFUSED_S)
            except FAULTS as error:
                failures += 1
                if is_gone(error):
                    self._queue = None
                self._connection.failed(error)
                self._back_off(failures)
            else:
                failures = 0
                self._connection.broker.found()

    def _declare(self) -> None:
        self._queue = self._source.declare(self._clients)
        self._last_sign = time.monotonic()

    def _is_silent(self) -> bool:
        return time.monotonic() - self._last_sign > self._source.silence_s

    def _read(self) -> None:
        if not self._member.has_room(WAIT_S) or self._queue is None:
            return
        url, source = self._queue.url, self._source
        until = time.monotonic() + source.ack_wait_s
        answer = self._clients.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=source.most,
            WaitTimeSeconds=WAIT_S,
            VisibilityTimeout=source.ack_wait_s,
            MessageSystemAttributeNames=[_TIMES],
        )
        messages = answer.get("Messages", [])
        if messages:
            self._last_sign = time.monotonic()
            self._bring(url, messages, until)

    def _bring(self, url: str, messages: Sequence[Message], until: float) -> None:
        if self._member.left:
            self._answers.add([_delayed(url, each, 0) for each in messages])
            return
        wanted: list[tuple[Envelope, Message]] = []
        ignored: list[Message] = []
        for each in messages:
            envelope = self._envelope(each)
            if self._member.matches(envelope.type):
                wanted.append((envelope, each))
            else:
                ignored.append(each)
        self._delete(url, ignored)
        if not wanted:
            return
        # A queue that is not FIFO mixes them.
        wanted.sort(key=_place)
        brought = [message for _, message in wanted]
        self._member.bring(
            [envelope for envelope, _ in wanted],
            partial(self._delete, url, brought),
            partial(self._reject, url, brought),
            until,
        )

    def _envelope(self, message: Message) -> Envelope:
        place = f"sqs:{message['MessageId']}"
        return envelope_of(self._source.subject, message["Body"], place)

    def _delete(self, url: str, messages: Sequence[Message]) -> None:
        if messages:
            self._answers.add([Answer(url, each["ReceiptHandle"]) for each in messages])

    def _reject(self, url: str, messages: Sequence[Message]) -> None:
        """Deliver them again, with a longer delay each time."""
        self._answers.add([_delayed(url, each, _delay_s(each)) for each in messages])

    def _back_off(self, failures: int) -> None:
        at_most_s = min(FIRST_BACKOFF_S * 2 ** min(failures, 16), MAX_BACKOFF_S)
        self._member.pause(at_most_s * (0.5 + self._jitter() / 2))


def _place(brought: tuple[Envelope, Message]) -> tuple[int, bool]:
    """Heartbeats after the event that they tell of."""
    envelope, _ = brought
    return envelope.position, envelope.is_heartbeat


def _delay_s(message: Message) -> int:
    times = int(message.get("Attributes", {}).get(_TIMES, 1))
    return min((1 << min(times - 1, 16)) // 2, MAX_DELAY_S)


def _delayed(url: str, message: Message, delay_s: int) -> Answer:
    return Answer(url, message["ReceiptHandle"], delay_s)
