"""What a rehearsal says is what a replay of the same letters then does."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_kernel.dead_letters.letter import StillFailingError
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.repair import rehearsal
from shared_kernel.repair.rehearsed import Rehearsed
from tests.databases import Files, Schemas
from tests.shared_kernel.repair.shelves import READERS, Done, Shelves, shelves

KEYS = "AB"
DONE = st.builds(
    Done,
    what=st.sampled_from(["put", "add", "clear", "rename", "print"]),
    shelf=st.just("own"),
    name=st.sampled_from(["lamps", "chairs"]),
) | st.builds(
    # Both keys have this one. What they do with it must not depend on what is there,
    # if they are tried in different batches.
    Done,
    what=st.just("put"),
    shelf=st.just("1"),
    name=st.sampled_from(["lamps", "chairs"]),
)
# Most are broken at first, and few afterwards.
AT_FIRST = st.sampled_from([READERS, READERS, *((each,) for each in READERS), ()])
AFTERWARDS = st.sampled_from([(), (), (), (), *((each,) for each in READERS)])
SELECTIONS = st.builds(
    Selection,
    subscription=st.none() | st.sampled_from(READERS),
    key=st.none() | st.sampled_from(KEYS),
)


@attrs.frozen(kw_only=True)
class Event:
    """`broken` are the subscriptions that fail when they read it first.

    `still_broken` are those that fail afterwards.
    """

    key: str
    done: Done
    broken: tuple[str, ...]
    still_broken: tuple[str, ...]


EVENTS = st.builds(
    Event,
    key=st.sampled_from(KEYS),
    done=DONE,
    broken=AT_FIRST,
    still_broken=AFTERWARDS,
)


def check(
    shop: Shelves, events: Sequence[Event], chosen: Selection, batch: int
) -> None:
    shop.empty()
    for position, event in enumerate(events, start=1):
        shop.broken |= {(reader, position) for reader in event.broken}
        own = event.done.shelf == "own"
        shelf = f"{event.key}1" if own else event.done.shelf
        shop.record(event.key, attrs.evolve(event.done, shelf=shelf))
    shop.read()
    shop.broken = {
        (reader, position)
        for position, event in enumerate(events, start=1)
        for reader in event.still_broken
    }
    names = shop.names()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsal, "BATCH", batch)
        forecast = list(shop.letters.rehearse(chosen))

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


@pytest.fixture
def on_postgresql(schemas: Schemas) -> Iterator[Shelves]:
    with shelves(schemas) as shop:
        yield shop


BATCHES = st.sampled_from([1, 1, 2, 100])
HISTORIES = st.lists(EVENTS, min_size=1, max_size=8)


@pytest.mark.slow
@given(HISTORIES, st.just(Selection()) | SELECTIONS, BATCHES)
@settings(max_examples=30)
def test_a_rehearsal_says_what_a_replay_does(
    on_sqlite: Shelves, events: list[Event], chosen: Selection, batch: int
) -> None:
    check(on_sqlite, events, chosen, batch)


@pytest.mark.server
@given(HISTORIES, BATCHES)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_on_postgresql_a_rehearsal_says_what_a_replay_does(
    on_postgresql: Shelves, events: list[Event], batch: int
) -> None:
    check(on_postgresql, events, Selection(), batch)
