"""Repairs dead letters over HTTP: those in the databases of this process."""

import json

from flask import Response

from shared_kernel.dead_letters.letter import StillFailingError
from shared_kernel.operations.dead_letters_http import as_json, named
from shared_kernel.operations.letter_documents import ShownLetter, shown
from shared_kernel.operations.letter_names import Named
from shared_kernel.operations.letter_requests import (
    OF_ONE,
    STILL_FAILING,
    OneLetter,
    by_of,
)
from shared_kernel.operations.letters_of_the_shop import PATH, LettersOfTheShop
from shared_kernel.operations.repair_bodies import (
    Applied,
    ByBody,
    DataBody,
    Discarded,
    Failing,
    ReasonBody,
    Requeued,
)
from shared_kernel.operations.repairs_of_many_http import add_repairs_of_many
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.web.bodies import Body
from shared_kernel.web.routes import Api, Success


def add_repairs(api: Api, shop: LettersOfTheShop) -> None:
    one = OneLetter(shop)
    _add_replay(api, one)
    _add_edit(api, one)
    _add_discard(api, one)
    _add_requeue(api, one)
    add_repairs_of_many(api, shop)


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

        The log keeps the event as it was, and the letter the `original`; rebuilds apply
        it as edited. Who did it, when and why is recorded.
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
