"""Thousands of letters are chosen, paged and read as a few causes, in SQL."""

from collections.abc import Iterator

import attrs
import pytest
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters import causes, store
from shared_kernel.dead_letters.causes import Cause
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DEAD, PARKED, WAITS
from shared_kernel.dead_letters.selection import Selection, count, page
from tests.databases import Databases
from tests.shared_kernel.events.builders import SOURCE, a_database, an_envelope

DARK = Failure(
    error_type="KeyError", place="shop.listing:on_lit", message="'watts'", field="watts"
)
COLD = Failure(error_type="ZeroDivisionError", place="shop.heat:warm", message="by 0")


@pytest.fixture
def connection(databases: Databases) -> Iterator[Connection]:
    """Of the listing 1 to 3 are dark and 4 is cold; 5 and 6 wait behind 1."""
    with a_database(databases.url("inventory")) as database:
        with database.writing() as connection:
            for position, failure in enumerate((DARK, DARK, DARK, COLD), start=1):
                dead(connection, "listing", position, failure)
            dead(connection, "heating", 1, COLD)
            park(connection, 5, 6)
        with database.reading() as connection:
            yield connection


def dead(
    connection: Connection, subscription: str, position: int, failure: Failure
) -> None:
    event = attrs.evolve(an_envelope(position), key=f"LAMP-{position}")
    store.add(
        connection,
        subscription,
        [event],
        state=DEAD,
        reason=failure.reason,
        attempts=5,
        now_us=100 + position,
        failure=failure,
    )


def park(connection: Connection, *positions: int) -> None:
    events = [attrs.evolve(an_envelope(at), key="LAMP-1") for at in positions]
    store.add(
        connection,
        "listing",
        events,
        state=PARKED,
        reason=WAITS,
        attempts=0,
        now_us=200,
    )


def numbers(connection: Connection, **chosen: object) -> list[int]:
    selection = Selection(**chosen)  # type: ignore[arg-type] # by name
    found = [each.number for each in page(connection, selection)]
    assert count(connection, selection) == len(found)
    return found


def test_the_most_frequent_cause_is_first_with_what_waits_behind_it(
    connection: Connection,
) -> None:
    first, *others = causes.clustered(connection, Selection())

    assert first == Cause(
        cause=DARK.cause,
        error_type="KeyError",
        place="shop.listing:on_lit",
        subscription="listing",
        message="'watts'",
        letters=3,
        parked=2,
        first_us=101,
        last_us=103,
        example=1,
    )
    assert [(each.subscription, each.letters, each.parked) for each in others] == [
        ("listing", 1, 0),
        ("heating", 1, 0),
    ]


def test_causes_are_those_of_a_selection(connection: Connection) -> None:
    cold = causes.clustered(connection, Selection(cause=COLD.cause))

    assert [each.subscription for each in cold] == ["listing", "heating"]
    assert causes.clustered(connection, Selection(state=PARKED)) == []


def test_letters_are_chosen_by_all_that_is_given(connection: Connection) -> None:
    assert numbers(connection) == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(connection, subscription="heating") == [5]
    assert numbers(connection, cause=COLD.cause) == [4, 5]
    assert numbers(connection, cause=COLD.cause, subscription="listing") == [4]
    assert numbers(connection, key="LAMP-1", state=PARKED) == [6, 7]
    assert numbers(connection, since_us=104, state=DEAD) == [4]
    assert numbers(connection, type="lamp.lit", key="LAMP-2") == [2]
    assert numbers(connection, type="lamp.broken") == []


def test_pages_follow_one_another(connection: Connection) -> None:
    first = page(connection, Selection(), limit=4)
    second = page(connection, Selection(), after=first[-1].number, limit=4)

    assert [each.number for each in (*first, *second)] == [1, 2, 3, 4, 5, 6, 7]


def test_a_letter_has_its_failure_back_and_what_only_waits_has_none(
    connection: Connection,
) -> None:
    letters = page(connection, Selection())

    assert (letters[0].failure, letters[3].failure) == (DARK, COLD)
    assert letters[0].envelope.source == SOURCE
    assert [each.failure for each in letters[5:]] == [None, None]
    assert [store.behind(connection, each) for each in letters] == [2, *[0] * 6]
