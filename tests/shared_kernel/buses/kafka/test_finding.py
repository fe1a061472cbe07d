"""Where in a topic a reader begins that has applied a log up to a position."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_kernel.buses.kafka.finding import ENOUGH, find
from shared_kernel.buses.kafka.sequencing import HELD_S, Sequencer


def found(positions: Sequence[int], after: int, low: int = 0) -> tuple[int, int]:
    """The offset, and how many messages were looked at. The first has offset `low`."""
    asked = []

    def position_at(offset: int) -> int:
        asked.append(offset)
        return positions[offset - low]

    return find(position_at, low, low + len(positions), after), len(asked)


@settings(max_examples=40, deadline=None)
@given(
    first=st.integers(1, 10_000),
    count=st.integers(0, 5000),
    trimmed=st.integers(0, 100_000),
    after=st.integers(0, 20_000),
)
def test_nothing_behind_the_position_is_skipped_and_little_is_read_again(
    first: int, count: int, trimmed: int, after: int
) -> None:
    positions = range(first, first + count)
    wanted = trimmed + min(max(after + 1 - first, 0), count)

    offset, _ = found(positions, after, trimmed)

    assert wanted - ENOUGH <= offset <= wanted or offset == trimmed
    assert offset <= wanted


def test_a_message_is_looked_at_for_each_doubling() -> None:
    offset, looks = found(range(1, 1_000_001), 123_456)

    assert 123_456 - ENOUGH <= offset <= 123_456
    assert looks <= 13


def test_one_look_is_enough_near_the_end() -> None:
    assert found(range(1, 1_000_001), 999_800) == (999_500, 1)


@pytest.mark.parametrize("after", [0, 3, 700, 1500])
def test_positions_that_come_twice_do_no_harm(after: int) -> None:
    positions = [*range(1, 1001), *range(400, 1401)]

    offset, _ = found(positions, after)

    assert set(range(after + 1, 1401)) <= set(positions[offset:])


def ordered(*batches: Sequence[int], after: int = 0) -> list[list[int]]:
    ordering = Sequencer[int](after, clock=lambda: 0.0)
    taken = []
    for batch in batches:
        ordering.add([(each, each) for each in batch])
        taken.append(ordering.take())
    return taken


def test_events_wait_for_their_predecessors() -> None:
    assert ordered([2, 4], [1], [3, 5]) == [[], [1, 2], [3, 4, 5]]


def test_duplicates_and_versions_of_one_event_pass() -> None:
    assert ordered([1, 1], [2], [1, 2, 3], after=0) == [[1, 1], [2], [1, 2, 3]]


def test_what_is_missing_is_not_awaited_for_ever() -> None:
    now = 0.0
    ordering = Sequencer[int](0, clock=lambda: now)
    ordering.add([(3, 3), (2, 2)])
    assert ordering.take() == []
    assert ordering.holds

    now = HELD_S

    assert ordering.take() == [2, 3]
    assert not ordering.holds
