"""Where in a topic a reader begins that has applied a log up to a position.

Positions grow with the offsets, but for duplicates and a log that was restored from a
backup. So a search by halves finds it with a message or two for each doubling of the
topic. Where the search errs, the subscription reads the log.
"""

from collections.abc import Callable

from confluent_kafka import Consumer, TopicPartition

from shared_kernel.buses.kafka.connection import ANSWER_S
from shared_kernel.buses.kafka.messages import position_of

ENOUGH = 500
"""So many messages at most are read that were applied already."""


def offset_behind(consumer: Consumer, topic: str, partition: int, position: int) -> int:
    """The offset of a message, behind which all events after `position` are.

    The consumer reads something else afterwards. Raises KafkaException.
    """
    low, high = bounds(consumer, topic, partition)

    def position_at(offset: int) -> int | None:
        consumer.assign([TopicPartition(topic, partition, offset)])
        found = consumer.poll(ANSWER_S)
        return None if found is None or found.error() else position_of(found)

    return find(position_at, low, high, position) if position else low


def bounds(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """The first offset, and that of the next message. Raises KafkaException."""
    place = TopicPartition(topic, partition)
    low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
    return low, high


def find(
    position_at: Callable[[int], int | None], low: int, high: int, position: int
) -> int:
    """From `low` on, at most ENOUGH before the first event after `position`."""
    probe = high - ENOUGH
    while high - low > ENOUGH:
        there = position_at(probe)
        if there is not None and there <= position:
            low = probe
        else:
            high = probe
        probe = (low + high) // 2
    return low
