"""What a rehearsal says is what a replay of the same letters then does."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_kernel.dead_letters.letter import StillFailingError
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.repair import rehearsal
from shared_kernel.repair.rehearsed import Rehearsed
from tests.databases import Databases, Files, Schemas
from tests.shared_kernel.repair.shelves import READERS, Done, Shelves, shelves

KEYS = "ABC"
DONE = st.builds(
    Done,
    what=st.sampled_from(["put", "add", "add", "clear"]),
    # Of the key's own, or one that several keys have.
    shelf=st.sampled_from(["own", "1", "2"]),
    name=st.sampled_from(["lamps", "chairs"]),
) | st.builds(
    Done, what=st.just("rename"), shelf=st.just("own"), name=st.just("tables")
)
EVENTS = st.lists(st.tuples(st.sampled_from(KEYS), DONE), min_size=1, max_size=12)
BROKEN = st.sets(st.tuples(st.sampled_from(READERS), st.integers(1, 12)), max_size=8)
SELECTIONS = st.builds(
    Selection,
    subscription=st.none() | st.sampled_from(READERS),
    key=st.none() | st.sampled_from(KEYS),
)


@attrs.frozen(kw_only=True)
class History:
    """Events by key; what is broken when they are first read, and afterwards."""

    events: list[tuple[str, Done]]
    broken: set[tuple[str, int]]
    still_broken: set[tuple[str, int]]
    chosen: Selection
    batch: int


HISTORIES = st.builds(
    History,
    events=EVENTS,
    broken=BROKEN,
    still_broken=BROKEN,
    chosen=st.just(Selection()) | SELECTIONS,
    batch=st.sampled_from([1, 2, 100]),
)


def check(shop: Shelves, history: History) -> None:
    shop.empty()
    shop.broken = history.broken
    for key, done in history.events:
        shelf = f"{key}1" if done.shelf == "own" else done.shelf
        shop.record(key, attrs.evolve(done, shelf=shelf))
    shop.read()
    shop.broken = history.still_broken
    names = shop.names()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsal, "BATCH", history.batch)
        forecast = list(shop.letters.rehearse(history.chosen))

    assert shop.names() == names
    assert [replayed(shop, each.letter.number) for each in forecast] == [
        (each.applied, each.failure and each.failure.reason) for each in forecast
    ]
    assert shop.names() == with_changes(names, forecast)


def replayed(shop: Shelves, number: int) -> tuple[int, str | None]:
    """How many events were applied, and why the next one was not."""
    before = len(shop.letters.list())
    try:
        return shop.letters.replay(number), None
    except StillFailingError as error:
        _, _, reason = str(error).partition(" failed again: ")
        return before - len(shop.letters.list()), reason


def with_changes(names: dict[str, str], forecast: list[Rehearsed]) -> dict[str, str]:
    """Each change must find the row as it says that it was before."""
    names = dict(names)
    for change in (change for each in forecast for change in each.changes):
        before, after = change.before, change.after
        (shelf,) = change.key.values()
        assert names.pop(shelf, None) == (before and before["name"])
        if after is not None:
            names[shelf] = after["name"]
    return names


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelves]:
    folder: Path = tmp_path_factory.mktemp("shelves")
    with shelves(Files(folder)) as shop:
        yield shop


@given(HISTORIES)
@settings(max_examples=30)
def test_a_rehearsal_says_what_a_replay_does(
    on_sqlite: Shelves, history: History
) -> None:
    check(on_sqlite, history)
