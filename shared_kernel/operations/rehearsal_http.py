"""Rehearses dead letters over HTTP: those in the databases of this process."""

from collections.abc import Iterator
from itertools import islice

import msgspec
from flask import Response

from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.operations.dead_letters_http import UNKNOWN_LETTER, as_json
from shared_kernel.operations.letter_names import Named
from shared_kernel.operations.letter_requests import (
    NOT_REPAIRABLE,
    OneLetter,
    selection_in,
)
from shared_kernel.operations.letters_of_the_shop import PATH, LettersOfTheShop
from shared_kernel.operations.rehearsal_documents import (
    ShownRehearsal,
    shown_rehearsal,
)
from shared_kernel.operations.repair_bodies import RehearsalBody
from shared_kernel.repair.rehearsed import Outcome, Outcomes, Rehearsed
from shared_kernel.web.bodies import Body
from shared_kernel.web.parameters import read_query
from shared_kernel.web.routes import Api, Success

MOST_TRIED = 10_000
"""Letters of one request."""


class ShownCauseOfFailure(msgspec.Struct, frozen=True):
    cause: str
    error_type: str
    place: str
    message: str


class RehearsedOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """Of `letters` that failed as `was`, and would fail as `failure`, if at all.

    `was` is null for letters that have not been tried since their turn came. `events`
    would be applied: the letters, and those behind them.
    """

    was: ShownCauseOfFailure | None
    failure: ShownCauseOfFailure | None
    example: str
    letters: int
    events: int


class ShownRows(msgspec.Struct, frozen=True):
    """So many rows of `table` would be `added`, `changed` or `deleted`."""

    table: str
    change: str
    rows: int


class ShownRehearsals(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay would do with `letters`: `succeeding` ones would be applied.

    `apart` were tried without some of those before them (`unseen`). `complete` is false
    if there are more letters than were tried. `rehearsals` has the first of them, one
    by one.
    """

    letters: int
    succeeding: int
    applied: int
    untried: int
    apart: int
    complete: bool
    outcomes: list[RehearsedOutcome]
    rows: list[ShownRows]
    rehearsals: list[ShownRehearsal]


def add_rehearsals(api: Api, shop: LettersOfTheShop) -> None:
    one, many = OneLetter(shop), Body(RehearsalBody)

    @api.route(
        "POST",
        f"{PATH}/<numbered:letter>/rehearsal",
        summary="Rehearse a dead letter",
        conditional=True,
        problems=(UNKNOWN_LETTER, NOT_REPAIRABLE),
        success=Success(
            description="What a replay would do, and which rows it would change.",
            kind=ShownRehearsal,
        ),
    )
    def rehearse_dead_letter(letter: str) -> Response:
        """Apply it, and those behind it, in a transaction that is rolled back.

        Nothing changes; others can go on.
        """
        found = one.do(letter, lambda of, number, _: of.rehearse_letter(number))
        return as_json(shown_rehearsal(Named.read(letter).database, found))

    @api.route(
        "POST",
        f"{PATH}/rehearsal",
        summary="Rehearse many dead letters",
        body=many,
        success=Success(
            description="What a replay of them would do, summed up by cause.",
            kind=ShownRehearsals,
        ),
    )
    def rehearse_dead_letters() -> Response:
        """Those of this process for which all that is given is so.

        At most 10,000 of them, in batches between which others write.
        """
        read_query(())
        asked = many.read()
        tried = _tried(shop, selection_in(asked))
        return as_json(_summed_up(tried, asked.limit))


def _tried(
    shop: LettersOfTheShop, selection: Selection
) -> Iterator[tuple[Named, Rehearsed]]:
    for database, letters in sorted(shop.here.items()):
        for each in letters.rehearse(selection):
            yield Named(database, each.letter.number), each


def _summed_up(tried: Iterator[tuple[Named, Rehearsed]], limit: int) -> ShownRehearsals:
    outcomes, rehearsals = Outcomes(), list[ShownRehearsal]()
    for name, rehearsed in islice(tried, MOST_TRIED):
        outcomes.add(str(name), rehearsed)
        if len(rehearsals) < limit:
            rehearsals.append(shown_rehearsal(name.database, rehearsed))
    return ShownRehearsals(
        letters=outcomes.letters,
        succeeding=outcomes.succeeding,
        applied=outcomes.applied,
        untried=outcomes.untried,
        apart=outcomes.apart,
        complete=outcomes.letters < MOST_TRIED or next(tried, None) is None,
        outcomes=[_shown_outcome(each) for each in outcomes.by_cause],
        rows=[
            ShownRows(table, change, rows)
            for (table, change), rows in outcomes.rows.most_common()
        ],
        rehearsals=rehearsals,
    )


def _shown_outcome(outcome: Outcome) -> RehearsedOutcome:
    return RehearsedOutcome(
        was=_shown_failure(outcome.was),
        failure=_shown_failure(outcome.failure),
        example=outcome.example,
        letters=outcome.letters,
        events=outcome.events,
    )


def _shown_failure(failure: Failure | None) -> ShownCauseOfFailure | None:
    if failure is None:
        return None
    return ShownCauseOfFailure(
        failure.cause, failure.error_type, failure.place, failure.message
    )
