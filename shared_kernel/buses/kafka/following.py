"""Reads topics from a position on, without a group: nothing is kept for the reader.

What a reader misses while it is away stays in the topic. So the log is read only if the
topic has lost something.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial

import attrs
import structlog
from confluent_kafka import Consumer, Message, TopicPartition

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.kafka.connection import KafkaConnection, Watch
from shared_kernel.buses.kafka.finding import bounds, offset_behind
from shared_kernel.buses.kafka.messages import envelope_of
from shared_kernel.buses.kafka.names import Names
from shared_kernel.buses.kafka.reader import POLL_S, messages_of
from shared_kernel.buses.kafka.sequencing import Sequencer
from shared_kernel.buses.kafka.topics import Topics
from shared_kernel.buses.port import Deliver, Delivery

PAUSE_S = 0.05
"""After a rejection: the receiver has enough to do."""

_log = structlog.get_logger(__name__)


@attrs.frozen
class Place:
    """All up to `position` is delivered; `offset` is that of what came next."""

    position: int
    offset: int


class Following:
    """Delivers heartbeats, and the events behind `after` of the topic `log`, if given.

    Events that are rejected are read again. `matches` chooses by type.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        names: Names,
        topics: Topics,
        matches: Callable[[str], bool],
        deliver: Deliver,
        *,
        log: str | None = None,
        after: int = 0,
    ) -> None:
        self._connection = connection
        self._names = names
        self._topics = topics
        self._matches = matches
        self._deliver = deliver
        self._log = log
        self._after = self._asked = after
        self._has_begun = False
        # The messages before these offsets were there when it began.
        self._ends: dict[int, int] = {}
        self._sequencer: Sequencer[Envelope] | None = None
        self._state = threading.Lock()
        self._rejected: Place | None = None
        self._left = threading.Event()

    def begin(self, consumer: Consumer) -> None:
        """Behind the position, wherever that is now; heartbeats from now on."""
        beats = self._names.heartbeats
        if self._has_begun:
            self._topics.forget()
        self._has_begun = True
        self._topics.make([beats] if self._log is None else [beats, self._log])
        places = [TopicPartition(beats, 0, bounds(consumer, beats, 0)[1])]
        if self._log is not None:
            places += self._places(self._log)
        consumer.assign(places)

    def read(self, consumer: Consumer) -> None:
        with self._state:
            rejected, self._rejected = self._rejected, None
        if rejected is not None:
            self._left.wait(PAUSE_S)
            self._return_to(consumer, rejected)
        holds = self._sequencer is not None and self._sequencer.holds
        found = messages_of(consumer, PAUSE_S if holds else POLL_S)
        if found or holds:
            self._bring(found)

    def leave(self) -> None:
        """Deliver nothing from now on."""
        self._left.set()

    def give_back(self, consumer: Consumer) -> None:
        """Nobody else needs anything."""

    def _places(self, log: str) -> list[TopicPartition]:
        partitions = self._topics.partitions(log)
        self._asked = self._after
        self._sequencer = Sequencer(self._after) if len(partitions) > 1 else None
        # A consumer of its own, since it does not wait for messages.
        finder = self._connection.finder(Watch(self._connection))
        places = []
        try:
            for number in partitions:
                self._ends[number] = bounds(finder, log, number)[1]
                first = offset_behind(finder, log, number, self._after)
                places.append(TopicPartition(log, number, first))
        finally:
            finder.close()
        return places

    def _return_to(self, consumer: Consumer, place: Place) -> None:
        self._after = place.position
        if self._log is None:
            return
        if self._sequencer is None:
            consumer.seek(TopicPartition(self._log, 0, place.offset))
        else:
            self.begin(consumer)

    def _bring(self, found: Sequence[Message]) -> None:
        """Events before heartbeats: these say how many there are."""
        of_log = [each for each in found if each.topic() == self._log]
        events = self._in_order(of_log)
        place = Place(self._after, of_log[0].offset() or 0 if of_log else 0)
        if events:
            self._after = max(self._after, *(each.position for each in events))
        beats = [
            envelope_of(self._names, each)
            for each in found
            if each.topic() != self._log
        ]
        wanted = [each for each in (*events, *beats) if self._matches(each.type)]
        if not wanted or self._left.is_set():
            return
        reject = partial(self._reject, place) if events else _nothing
        try:
            self._deliver(Delivery(wanted, reject=reject))
        except Exception:  # noqa: BLE001 - the next delivery may be better
            _log.exception("delivery failed", topic=self._log)
            reject()

    def _in_order(self, found: Sequence[Message]) -> Sequence[Envelope]:
        events = []
        for message in found:
            event = envelope_of(self._names, message)
            # The search begins somewhat too early.
            is_new = (message.offset() or 0) >= self._ends[message.partition() or 0]
            if is_new or event.position > self._asked:
                events.append(event)
        if self._sequencer is None:
            return events
        self._sequencer.add([(each.position, each) for each in events])
        return self._sequencer.take()

    def _reject(self, place: Place) -> None:
        """Read again from there."""
        with self._state:
            if self._rejected is None or place.position < self._rejected.position:
                self._rejected = place


def _nothing() -> None:
    """A heartbeat need not come again: the next one says more."""
