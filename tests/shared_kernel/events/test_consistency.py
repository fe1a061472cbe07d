"""A read waits until it can show the write, or says that it cannot."""

import threading
from collections.abc import Callable

import pytest

from shared_kernel.events.consistency import (
    Behind,
    Progress,
    Reader,
    ReadModelBehindError,
    TooManyWaitError,
    UnknownPositionError,
    followed_through,
)
from tests.cluster import wait_until


class Cursors(dict[str, int]):
    def reader(self, *sources: str) -> Reader:
        return Reader(
            cursors={
                source: lambda source=source: self[source]  # type: ignore[misc]
                for source in sources
            },
            progress=Progress(),
        )


def test_a_read_model_that_is_far_enough_answers_at_once() -> None:
    reader = Cursors(catalog=7).reader("catalog")

    reader.wait_for({"catalog": 7}, timeout_s=0)


def test_a_read_model_that_is_behind_reports_its_position() -> None:
    reader = Cursors(catalog=4).reader("catalog")

    with pytest.raises(ReadModelBehindError) as raised:
        reader.wait_for({"catalog": 7}, timeout_s=0.01)

    assert raised.value.behind == Behind("catalog", wanted=7, reached=4)
    assert raised.value.behind.lag_events == 3


def test_positions_of_unread_sources_are_ignored() -> None:
    Cursors(catalog=0).reader("catalog").wait_for({"moon": 9}, timeout_s=0)


def test_a_waiting_read_continues_as_soon_as_progress_is_made() -> None:
    cursors = Cursors(catalog=0)
    reader = cursors.reader("catalog")
    answered = threading.Event()

    def wait() -> None:
        reader.wait_for({"catalog": 1}, timeout_s=30)
        answered.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not answered.wait(0.05)

    cursors["catalog"] = 1
    reader.progress.made()

    assert answered.wait(10)
    thread.join()


def test_progress_of_another_process_is_seen_too() -> None:
    cursors = Cursors(catalog=0)
    timer = threading.Timer(0.05, cursors.update, [{"catalog": 1}])
    timer.start()

    cursors.reader("catalog").wait_for({"catalog": 1}, timeout_s=30)
    timer.join()


def test_a_read_waits_for_events_caused_in_another_context() -> None:
    """Position 3 of the catalog caused events up to position 8 of inventory."""
    cursors = Cursors(catalog=3, inventory=7)
    reader = Reader(
        cursors={
            "catalog": lambda: cursors["catalog"],
            "inventory": lambda: cursors["inventory"],
        },
        progress=Progress(),
        origin="catalog",
        by_way_of="inventory",
        through=lambda position, timeout_s: 8,
    )
    with pytest.raises(ReadModelBehindError) as raised:
        reader.wait_for({"catalog": 3}, timeout_s=0.01)
    assert raised.value.behind == Behind("inventory", wanted=8, reached=7)

    cursors["inventory"] = 8
    reader.wait_for({"catalog": 3}, timeout_s=0)


def test_a_read_waits_until_the_other_context_has_followed() -> None:
    reader = Reader(
        cursors={"catalog": lambda: 3, "inventory": lambda: 9},
        progress=Progress(),
        origin="catalog",
        by_way_of="inventory",
        through=followed_through("catalog", lambda: 2, lambda: 9, Progress()),
    )
    with pytest.raises(ReadModelBehindError) as raised:
        reader.wait_for({"catalog": 3}, timeout_s=0.01)

    assert raised.value.behind == Behind("catalog", wanted=3, reached=2)


def test_later_writes_of_others_are_not_waited_for() -> None:
    heads = iter([8, 9, 10])
    reached = iter([7, 8])
    reader = Reader(
        cursors={"inventory": lambda: next(reached)},
        progress=Progress(),
        origin="catalog",
        by_way_of="inventory",
        through=lambda position, timeout_s: next(heads),
    )

    reader.wait_for({"catalog": 3}, timeout_s=10)


def test_a_reader_names_all_sources_it_understands() -> None:
    reader = Reader(
        cursors={"inventory": lambda: 0}, progress=Progress(), origin="catalog"
    )

    assert reader.sources == {"catalog", "inventory"}


def reader_of(head: Callable[[], int]) -> Reader:
    """A reader at position 4 that knows the end of the catalog's log."""
    return Reader(
        cursors={"catalog": lambda: 4}, heads={"catalog": head}, progress=Progress()
    )


def test_a_position_behind_the_end_of_the_log_is_refused() -> None:
    with pytest.raises(UnknownPositionError) as raised:
        reader_of(lambda: 6).wait_for({"catalog": 7}, timeout_s=60)

    assert str(raised.value) == "catalog has no position 7: its log ends at 6"


def test_a_position_within_the_log_is_waited_for() -> None:
    with pytest.raises(ReadModelBehindError):
        reader_of(lambda: 7).wait_for({"catalog": 7}, timeout_s=0.01)


def unreachable() -> int:
    raise ConnectionError


def test_a_position_of_an_unreachable_log_is_waited_for() -> None:
    with pytest.raises(ReadModelBehindError):
        reader_of(unreachable).wait_for({"catalog": 7}, timeout_s=0.01)


def test_a_position_already_reached_asks_no_log() -> None:
    def unexpected() -> int:
        raise AssertionError

    reader_of(unexpected).wait_for({"catalog": 4}, timeout_s=0)


def test_only_as_many_wait_as_there_are_places() -> None:
    progress, cursors = Progress(places=1), Cursors(catalog=4)
    looked: list[Behind] = []

    def behind() -> Behind | None:
        if cursors["catalog"] == 7:
            return None
        looked.append(Behind("catalog", wanted=7, reached=4))
        return looked[-1]

    waiting = threading.Thread(target=progress.wait, args=(behind, 30))
    waiting.start()
    # A thread that checks repeatedly has a place.
    wait_until(lambda: len(looked) > 1, "the first one waits")
    with pytest.raises(TooManyWaitError, match="too many requests wait"):
        progress.wait(lambda: Behind("shop", wanted=2, reached=1), 30)
    progress.wait(lambda: None, 30)
    cursors["catalog"] = 7
    waiting.join()

    with pytest.raises(ReadModelBehindError, match="shop has been read up to 1"):
        progress.wait(lambda: Behind("shop", wanted=2, reached=1), 0)
