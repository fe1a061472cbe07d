"""Shares what stands in topics among the members of a group, at least once.

For messages of other programs, and for programs that are told about every event.
"""

import re
import threading
import time
from collections.abc import Sequence

import structlog
from confluent_kafka import Consumer, Message, TopicPartition

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.kafka.connection import ANSWER_S
from shared_kernel.buses.kafka.finding import bounds
from shared_kernel.buses.kafka.messages import envelope_of
from shared_kernel.buses.kafka.names import Names
from shared_kernel.buses.kafka.reader import POLL_S, messages_of
from shared_kernel.buses.kafka.topics import Topics
from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import Deliver, Delivery

ACK_WAIT_S = 10.0
"""After this long without an answer a delivery is repeated."""
LEAVE_S = 1.0
"""So long a member that leaves waits for the answer to its last delivery."""
JOIN_S = 5.0
"""So long it waits for the group, if that is about to share out its topics."""
FIRST_DELAY_S, MAX_DELAY_S = 0.1, 5.0
_NEVER = 0
"""Offsets below zero say that a group has none."""

_log = structlog.get_logger(__name__)


class Sharing:
    """A member of the group `group` for `pattern`.

    A group begins with what is sent after its first member has joined, and waits for
    its members from then on. A delivery is committed when it is acknowledged, and the
    next one comes after that: so what is rejected comes again before what is behind it.
    """

    def __init__(
        self,
        names: Names,
        topics: Topics,
        pattern: str,
        deliver: Deliver,
        ack_wait_s: float = ACK_WAIT_S,
    ) -> None:
        self._names = names
        self._topics = topics
        self._matches = matcher(pattern)
        foreign = names.is_foreign(pattern)
        self._topic = names.subject(pattern) if foreign else None
        self._deliver = deliver
        self._ack_wait_s = ack_wait_s
        self._has_begun = False
        self._is_member = False
        self._is_assigned = False
        self._rejections = 0
        self._left = threading.Event()

    def begin(self, consumer: Consumer) -> None:
        """Join the group; Kafka may have lost its topics."""
        if self._has_begun:
            self._topics.forget()
        if self._topic is not None:
            self._topics.make([self._topic])
        if not self._has_begun:
            self._note_ends(consumer)
            self._has_begun = True
        if not self._is_member:
            consumer.subscribe(
                [self._topic or self._names.logs], on_assign=self._on_assign
            )
            self._is_member = True

    def read(self, consumer: Consumer) -> None:
        found = messages_of(consumer, POLL_S)
        if not found or self._left.is_set():
            return
        envelopes = [envelope_of(self._names, each) for each in found]
        wanted = [each for each in envelopes if self._matches(each.type)]
        if not wanted or self._is_acknowledged(wanted):
            self._rejections = 0
            consumer.commit(offsets=_behind(found), asynchronous=False)
            return
        for place in _first(found):
            consumer.seek(place)
        self._rejections += 1
        delay_s = FIRST_DELAY_S * 2 ** (min(self._rejections, 16) - 1)
        self._left.wait(min(delay_s, MAX_DELAY_S))

    def leave(self) -> None:
        """Deliver nothing from now on."""
        self._left.set()

    def give_back(self, consumer: Consumer) -> None:
        """What is not committed comes to another member.

        Who leaves while the group shares out its topics is waited for by the others.
        """
        deadline = time.monotonic() + JOIN_S
        while not self._is_assigned and time.monotonic() < deadline:
            consumer.poll(0.05)

    def _on_assign(self, _: Consumer, __: Sequence[TopicPartition]) -> None:
        self._is_assigned = True

    def _note_ends(self, consumer: Consumer) -> None:
        """Where the group begins, unless it has begun: what comes now is for it."""
        topics = [self._topic] if self._topic is not None else self._logs(consumer)
        places = []
        for topic in topics:
            there = consumer.list_topics(topic, ANSWER_S).topics[topic].partitions
            places += [TopicPartition(topic, number) for number in there]
        begun = consumer.committed(places, ANSWER_S) if places else []
        ends = []
        for each in begun:
            if each.offset < _NEVER:
                end = bounds(consumer, each.topic, each.partition)[1]
                ends.append(TopicPartition(each.topic, each.partition, end))
        if ends:
            consumer.commit(offsets=ends, asynchronous=False)

    def _logs(self, consumer: Consumer) -> Sequence[str]:
        there = consumer.list_topics(timeout=ANSWER_S).topics
        return [each for each in there if re.match(self._names.logs, each)]

    def _is_acknowledged(self, wanted: Sequence[Envelope]) -> bool:
        answer = _Answer()
        try:
            self._deliver(Delivery(wanted, acknowledge=answer.yes, reject=answer.no))
        except Exception:  # noqa: BLE001 - the next delivery may be better
            _log.exception("delivery failed", subject=wanted[0].type)
            return False
        return answer.wait(self._ack_wait_s, self._left)


class _Answer:
    """The answer to a delivery, by any thread."""

    def __init__(self) -> None:
        self._given = threading.Event()
        self._is_yes = False

    def yes(self) -> None:
        self._is_yes = True
        self._given.set()

    def no(self) -> None:
        self._given.set()

    def wait(self, timeout_s: float, left: threading.Event) -> bool:
        """Whether it was acknowledged in time; who leaves waits less."""
        deadline = time.monotonic() + timeout_s
        while not self._given.wait(0.05):
            if left.is_set():
                deadline = min(deadline, time.monotonic() + LEAVE_S)
                self._given.wait(LEAVE_S)
                break
            if time.monotonic() > deadline:
                break
        return self._is_yes


def _behind(found: Sequence[Message]) -> list[TopicPartition]:
    """For each partition, the offset of what comes next."""
    last = {(each.topic(), each.partition()): each.offset() for each in found}
    return [TopicPartition(t, p, (o or 0) + 1) for (t, p), o in last.items()]  # type: ignore[arg-type]


def _first(found: Sequence[Message]) -> list[TopicPartition]:
    """For each partition, the offset of the first of them."""
    first = {
        (each.topic(), each.partition()): each.offset() for each in reversed(found)
    }
    return [TopicPartition(t, p, o or 0) for (t, p), o in first.items()]  # type: ignore[arg-type]
