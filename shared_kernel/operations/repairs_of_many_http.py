"""The same for many dead letters in one request: each is done, or told why not."""

from collections.abc import Callable

from flask import Response

from shared_kernel.dead_letters.letter import ReplayError, StillFailingError
from shared_kernel.operations.dead_letters_http import as_json
from shared_kernel.operations.letter_names import Named
from shared_kernel.operations.letter_requests import by_of, selection_in
from shared_kernel.operations.letters_of_the_shop import PATH, LettersOfTheShop
from shared_kernel.operations.other_processes import PROCESS
from shared_kernel.operations.repair_bodies import (
    DiscardManyBody,
    Outcome,
    Outcomes,
    RepairManyBody,
)
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.web.bodies import Body
from shared_kernel.web.parameters import read_query
from shared_kernel.web.routes import Api, Success

Act = Callable[..., int]
"""A method of DeadLetters."""

_TOLD = Success(description="What became of each: some may have failed.", kind=Outcomes)


def add_repairs_of_many(api: Api, shop: LettersOfTheShop) -> None:
    _add_replay(api, shop)
    _add_discard(api, shop)
    _add_requeue(api, shop)


def _add_replay(api: Api, shop: LettersOfTheShop) -> None:
    body = Body(RepairManyBody)

    @api.route(
        "POST",
        f"{PATH}/replay",
        summary="Replay many dead letters",
        body=body,
        success=_TOLD,
    )
    def replay_dead_letters() -> Response:
        """Those of this process for which all that is given is so.

        At most `limit` at a time, in the order of the list; `next` of the answer is
        `after` of the next request. Those parked behind a letter are applied with it.
        """
        return _repaired(shop, body.read(), DeadLetters.replay)


def _add_discard(api: Api, shop: LettersOfTheShop) -> None:
    body = Body(DiscardManyBody)

    @api.route(
        "POST",
        f"{PATH}/discard",
        summary="Discard many dead letters",
        body=body,
        success=_TOLD,
    )
    def discard_dead_letters() -> Response:
        """Delete those of this process for which all that is given is so, for good.

        At most `limit` at a time, in the order of the list; `next` of the answer is
        `after` of the next request. Those parked behind a letter are applied, and
        `error` tells if one of them failed.
        """
        return _repaired(shop, body.read(), DeadLetters.discard)


def _add_requeue(api: Api, shop: LettersOfTheShop) -> None:
    body = Body(RepairManyBody)

    @api.route(
        "POST",
        f"{PATH}/requeue",
        summary="Move many dead letters back to their queues",
        body=body,
        success=_TOLD,
    )
    def requeue_dead_letters() -> Response:
        """Those of this process for which all that is given is so, each as new.

        At most `limit` at a time, in the order of the list; `next` of the answer is
        `after` of the next request. Those of no queue stay, and `error` says so.
        """
        return _repaired(shop, body.read(), DeadLetters.requeue)


def _repaired(
    shop: LettersOfTheShop, asked: RepairManyBody | DiscardManyBody, act: Act
) -> Response:
    read_query(())
    after = None if asked.after is None else Named.read(asked.after)
    page = shop.page(selection_in(asked), after, asked.limit, PROCESS)
    outcomes = [_outcome(shop, each.name, asked, act) for each in page.letters]
    is_full = len(outcomes) == asked.limit
    return as_json(
        Outcomes(
            outcomes,
            applied=sum(each.applied for each in outcomes),
            failed=sum(each.error is not None for each in outcomes),
            next=outcomes[-1].letter if is_full else None,
        )
    )


def _outcome(
    shop: LettersOfTheShop,
    name: Named,
    asked: RepairManyBody | DiscardManyBody,
    act: Act,
) -> Outcome:
    try:
        done = act(shop.here[name.database], name.number, **by_of(asked))
        return Outcome(str(name), done)
    except StillFailingError as error:
        return Outcome(str(name), error.applied, str(error))
    except ReplayError as error:
        return Outcome(str(name), 0, str(error))
