"""Repairs dead letters over HTTP: those in the databases of this process."""

import json

from flask import Response

from shared_kernel.dead_letters.letter import ReplayError, StillFailingError
from shared_kernel.operations.dead_letters_http import as_json, named
from shared_kernel.operations.letter_documents import ShownLetter, shown
from shared_kernel.operations.letter_names import Named
from shared_kernel.operations.letter_requests import (
    OF_ONE,
    STILL_FAILING,
    By,
    OneLetter,
    by_of,
    selection_in,
)
from shared_kernel.operations.letters_of_the_shop import PATH, LettersOfTheShop
from shared_kernel.operations.other_processes import PROCESS
from shared_kernel.operations.repair_bodies import (
    Applied,
    ByBody,
    DataBody,
    Discarded,
    Failing,
    Outcome,
    Outcomes,
    ReasonBody,
    ReplayBody,
    Requeued,
)
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.web.bodies import Body
from shared_kernel.web.parameters import read_query
from shared_kernel.web.routes import Api, Success


def add_repairs(api: Api, shop: LettersOfTheShop) -> None:
    one = OneLetter(shop)
    _add_replay(api, one)
    _add_replay_of_many(api, shop)
    _add_edit(api, one)
    _add_discard(api, one)
    _add_requeue(api, one)


def _add_replay(api: Api, one: OneLetter) -> None:
    body = Body(ByBody, required=False)

    @api.route(
        "POST",
        f"{PATH}/<numbered:letter>/replay",
        summary="Replay a dead letter",
        body=body,
        conditional=True,
        problems=(*OF_ONE, STILL_FAILING),
        success=Success(description="It was applied.", kind=Applied),
    )
    def replay_dead_letter(letter: str) -> Response:
        """Apply it again, and then those parked behind it, in order.

        Each takes one transaction. If one fails again, it and those behind it stay. A
        letter of a queue becomes a job again.
        """
        by = by_of(body.read())
        applied = one.do(
            letter, lambda of, number, seen: of.replay(number, **by, expected=seen)
        )
        return as_json(Applied(letter, applied))


def _add_replay_of_many(api: Api, shop: LettersOfTheShop) -> None:
    body = Body(ReplayBody)

    def replay(name: Named, by: By) -> Outcome:
        try:
            applied = shop.here[name.database].replay(name.number, **by)
            return Outcome(str(name), applied)
        except StillFailingError as error:
            return Outcome(str(name), error.applied, str(error))
        except ReplayError as error:
            return Outcome(str(name), 0, str(error))

    @api.route(
        "POST",
        f"{PATH}/replay",
        summary="Replay many dead letters",
        body=body,
        success=Success(
            description="What became of each: some may have failed again.",
            kind=Outcomes,
        ),
    )
    def replay_dead_letters() -> Response:
        """Those of this process for which all that is given is so.

        At most `limit` at a time, in the order of the list; `next` of the answer is
        `after` of the next request. Those parked behind a letter are applied with it.
        """
        read_query(())
        asked = body.read()
        after = None if asked.after is None else Named.read(asked.after)
        selection = selection_in(asked)
        page = shop.page(selection, after, asked.limit, PROCESS)
        outcomes = [replay(each.name, by_of(asked)) for each in page.letters]
        is_full = len(outcomes) == asked.limit
        return as_json(
            Outcomes(
                outcomes,
                applied=sum(each.applied for each in outcomes),
                failed=sum(each.error is not None for each in outcomes),
                next=outcomes[-1].letter if is_full else None,
            )
        )


def _add_edit(api: Api, one: OneLetter) -> None:
    body = Body(DataBody)

    @api.route(
        "PUT",
        f"{PATH}/<numbered:letter>/data",
        summary="Edit a dead letter",
        body=body,
        conditional=True,
        problems=OF_ONE,
        success=Success(
            description="The letter as it is now.",
            kind=ShownLetter,
            headers={"ETag": "Its version, for `If-Match`."},
        ),
    )
    def edit_dead_letter(letter: str) -> Response:
        """Give it other data, which a replay will apply; checked as its reader reads.

        The log keeps the event as it was, and the letter the `original`. Who did it,
        when and why is recorded.
        """
        asked = body.read()
        text = json.dumps(asked.data, ensure_ascii=False, separators=(",", ":"))
        data, by = text.encode(errors="replace"), by_of(asked)
        edited = one.do(
            letter, lambda of, number, seen: of.edit(number, data, **by, expected=seen)
        )
        found = shown(named(letter).database, edited)
        return as_json(found, {"ETag": f'"{found.version}"'})


def _add_discard(api: Api, one: OneLetter) -> None:
    body = Body(ReasonBody)

    @api.route(
        "POST",
        f"{PATH}/<numbered:letter>/discard",
        summary="Discard a dead letter",
        body=body,
        conditional=True,
        problems=OF_ONE,
        success=Success(description="It is gone for good.", kind=Discarded),
    )
    def discard_dead_letter(letter: str) -> Response:
        """Delete it, and apply those parked behind it; one of them may fail.

        It stays discarded in rebuilds. Who did it, when and why is recorded.
        """
        by = by_of(body.read())

        def discard(of: DeadLetters, number: int, seen: int | None) -> Discarded:
            try:
                return Discarded(letter, of.discard(number, **by, expected=seen))
            except StillFailingError as error:
                failing = str(Named(named(letter).database, error.number))
                return Discarded(letter, error.applied, Failing(failing, error.reason))

        return as_json(one.do(letter, discard))


def _add_requeue(api: Api, one: OneLetter) -> None:
    body = Body(ByBody, required=False)

    @api.route(
        "POST",
        f"{PATH}/<numbered:letter>/requeue",
        summary="Move a dead letter back to its queue",
        body=body,
        conditional=True,
        problems=OF_ONE,
        success=Success(description="It is a job again.", kind=Requeued),
    )
    def requeue_dead_letter(letter: str) -> Response:
        """Make it the job that it was, as new, before those of its key that wait.

        Only for letters of a queue.
        """
        by = by_of(body.read())
        requeued = one.do(
            letter, lambda of, number, seen: of.requeue(number, **by, expected=seen)
        )
        return as_json(Requeued(letter, requeued))
