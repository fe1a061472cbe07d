"""Repairs dead letters over HTTP: those in the databases of this process."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypedDict, TypeVar

import attrs
from flask import Response

from shared_kernel.dead_letters.letter import (
    DEAD,
    LetterChangedError,
    ReplayError,
    StillFailingError,
    UnknownDeadLetterError,
)
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.documents.faults import Fault, FaultKind, faulty, pointer_to
from shared_kernel.domain.expectation import Expectation
from shared_kernel.operations.dead_letters_http import (
    UNKNOWN_LETTER,
    as_json,
    named,
    unknown,
)
from shared_kernel.operations.letter_documents import ShownLetter, shown
from shared_kernel.operations.letter_filters import A_MOMENT, read_moment
from shared_kernel.operations.letter_names import Named
from shared_kernel.operations.letters_of_the_shop import PATH, LettersOfTheShop
from shared_kernel.operations.other_processes import PROCESS
from shared_kernel.operations.repair_bodies import (
    Applied,
    ByBody,
    ChoiceBody,
    DataBody,
    Discarded,
    Failing,
    Outcome,
    Outcomes,
    ReasonBody,
    ReplayBody,
    Requeued,
)
from shared_kernel.repair.payloads import InvalidPayloadError
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.web.bodies import Body, problem_of
from shared_kernel.web.parameters import read_query
from shared_kernel.web.preconditions import expected_version
from shared_kernel.web.problems import STALE_VERSION, Problem, ProblemKind, kind
from shared_kernel.web.routes import Api, Success

STILL_FAILING = kind(
    "dead-letter-still-failing",
    409,
    "It failed again",
    "`letter` failed, `detail` says why; the first `applied` letters of its key were "
    "applied. It stays, and so do those behind it.",
)
NOT_REPAIRABLE = kind(
    "dead-letter-not-repairable",
    409,
    "This cannot be done with this dead letter",
    "`detail` says why, and what can be done. Nothing changed.",
)
CHANGED = kind(
    "dead-letter-changed",
    409,
    "Somebody else has changed it meanwhile",
    "Nothing changed. Read it again.",
)
_OF_ONE = (UNKNOWN_LETTER, NOT_REPAIRABLE, CHANGED, STALE_VERSION)
_ETAG = {"ETag": "Its version, for `If-Match`."}

R = TypeVar("R")
Act = Callable[[DeadLetters, int, int | None], R]
"""Does something with the letter of that number, if it has that version."""


def add_repairs(api: Api, shop: LettersOfTheShop) -> None:
    repairs = _Repairs(shop)
    _add_replay(api, repairs)
    _add_edit(api, repairs)
    _add_discard(api, repairs)
    _add_requeue(api, repairs)


@attrs.frozen
class _Repairs:
    shop: LettersOfTheShop

    def do(self, text: str, act: Act[R]) -> R:
        """What `act` returns for the letter in the path. Raises Problem."""
        read_query(())
        name = named(text)
        letters = self.shop.here.get(name.database)
        if letters is None:
            raise unknown(self.shop, name)
        asked = expected_version()
        with _refusals_answered(name, CHANGED if asked is None else STALE_VERSION):
            expected = None if asked is None else _checked(letters, name, asked)
            return act(letters, name.number, expected)

    def replay(self, name: Named, body: ReplayBody) -> Outcome:
        """One of many. Raises faults of the infrastructure alone."""
        letters = self.shop.here[name.database]
        try:
            applied = letters.replay(name.number, **_by(body))
            return Outcome(str(name), applied)
        except StillFailingError as error:
            return Outcome(str(name), error.applied, str(error))
        except ReplayError as error:
            return Outcome(str(name), 0, str(error))


def _add_replay(api: Api, repairs: _Repairs) -> None:
    body, many = Body(ByBody, required=False), Body(ReplayBody)

    @api.route(
        "POST",
        f"{PATH}/<letter>/replay",
        summary="Replay a dead letter",
        body=body,
        conditional=True,
        problems=(*_OF_ONE, STILL_FAILING),
        success=Success(description="It was applied.", kind=Applied),
    )
    def replay_dead_letter(letter: str) -> Response:
        """Apply it again, and then those parked behind it, in order.

        Each takes one transaction. If one fails again, it and those behind it stay. A
        letter of a queue becomes a job again.
        """
        by = _by(body.read())
        applied = repairs.do(
            letter, lambda of, number, seen: of.replay(number, **by, expected=seen)
        )
        return as_json(Applied(letter, applied))

    @api.route(
        "POST",
        f"{PATH}/replay",
        summary="Replay many dead letters",
        body=many,
        success=Success(
            description="What became of each: some may have failed again.",
            kind=Outcomes,
        ),
    )
    def replay_dead_letters() -> Response:
        """Those of this process for which all that is given is so, or `all`.

        At most `limit` at a time, in the order of the list; `next` of the answer is
        `after` of the next request. Those parked behind a letter are applied with it.
        """
        read_query(())
        asked = many.read()
        after = None if asked.after is None else Named.read(asked.after)
        selection = selection_in(asked)
        page = repairs.shop.page(selection, after, asked.limit, PROCESS)
        outcomes = [repairs.replay(each.name, asked) for each in page.letters]
        is_full = len(outcomes) == asked.limit
        return as_json(
            Outcomes(
                outcomes,
                applied=sum(each.applied for each in outcomes),
                failed=sum(each.error is not None for each in outcomes),
                next=outcomes[-1].letter if is_full else None,
            )
        )


def _add_edit(api: Api, repairs: _Repairs) -> None:
    body = Body(DataBody)

    @api.route(
        "PUT",
        f"{PATH}/<letter>/data",
        summary="Edit a dead letter",
        body=body,
        conditional=True,
        problems=_OF_ONE,
        success=Success(
            description="The letter as it is now.", kind=ShownLetter, headers=_ETAG
        ),
    )
    def edit_dead_letter(letter: str) -> Response:
        """Give it other data, which a replay will apply; checked as its reader reads.

        The log keeps the event as it was, and the letter the `original`. Who did it,
        when and why is recorded.
        """
        asked = body.read()
        text = json.dumps(asked.data, ensure_ascii=False, separators=(",", ":"))
        data, by = text.encode(errors="replace"), _by(asked)
        edited = repairs.do(
            letter, lambda of, number, seen: of.edit(number, data, **by, expected=seen)
        )
        found = shown(named(letter).database, edited)
        return as_json(found, {"ETag": f'"{found.version}"'})


def _add_discard(api: Api, repairs: _Repairs) -> None:
    body = Body(ReasonBody)

    @api.route(
        "POST",
        f"{PATH}/<letter>/discard",
        summary="Discard a dead letter",
        body=body,
        conditional=True,
        problems=_OF_ONE,
        success=Success(description="It is gone for good.", kind=Discarded),
    )
    def discard_dead_letter(letter: str) -> Response:
        """Delete it, and apply those parked behind it; one of them may fail.

        It stays discarded in rebuilds. Who did it, when and why is recorded.
        """
        by = _by(body.read())

        def discard(of: DeadLetters, number: int, seen: int | None) -> Discarded:
            try:
                return Discarded(letter, of.discard(number, **by, expected=seen))
            except StillFailingError as error:
                failing = str(Named(named(letter).database, error.number))
                return Discarded(letter, error.applied, Failing(failing, error.reason))

        return as_json(repairs.do(letter, discard))


def _add_requeue(api: Api, repairs: _Repairs) -> None:
    body = Body(ByBody, required=False)

    @api.route(
        "POST",
        f"{PATH}/<letter>/requeue",
        summary="Move a dead letter back to its queue",
        body=body,
        conditional=True,
        problems=_OF_ONE,
        success=Success(description="It is a job again.", kind=Requeued),
    )
    def requeue_dead_letter(letter: str) -> Response:
        """Make it the job that it was, as new, before those of its key that wait.

        Only for letters of a queue.
        """
        by = _by(body.read())
        requeued = repairs.do(
            letter, lambda of, number, seen: of.requeue(number, **by, expected=seen)
        )
        return as_json(Requeued(letter, requeued))


def selection_in(body: ChoiceBody) -> Selection:
    """Of dead letters. Raises Problem."""
    given = attrs.asdict(body)
    chosen = {name: given[name] for name in ("subscription", "type", "key", "cause")}
    since_us = None
    if body.since is not None:
        try:
            since_us = read_moment(body.since)
        except ValueError:
            raise _invalid("since", f"expected {A_MOMENT}") from None
    selection = Selection(**chosen, since_us=since_us, state=DEAD)
    if (selection != Selection(state=DEAD)) is body.all:
        raise _invalid("all", "expected a filter, or else true")
    return selection


def _checked(letters: DeadLetters, name: Named, asked: int | Expectation) -> int:
    """The letter's version. Raises StaleVersion, PreconditionFailed and ReplayError."""
    current = letters.show(name.number).version
    if isinstance(asked, Expectation):
        asked.check(str(name), current, exists=True)
        return current
    return asked


class _By(TypedDict):
    who: str
    why: str


def _by(body: ByBody | ReasonBody | DataBody | ReplayBody) -> _By:
    return _By(who=body.who or "", why=body.why or "")


@contextmanager
def _refusals_answered(name: Named, changed: ProblemKind) -> Iterator[None]:
    """Raises Problem: of the kind `changed` if another operator was faster."""
    try:
        yield
    except UnknownDeadLetterError as error:
        raise Problem(UNKNOWN_LETTER, _told(error, name)) from error
    except LetterChangedError as error:
        raise Problem(changed, _told(error, name), version=error.version) from error
    except StillFailingError as error:
        failing = Named(name.database, error.number)
        raise Problem(
            STILL_FAILING,
            f"{failing}: {error.reason}",
            letter=str(failing),
            applied=error.applied,
        ) from error
    except InvalidPayloadError as error:
        # The field is in the pointer.
        detail = str(error).removeprefix(f"/{error.field}: ")
        raise _invalid("data", detail, error.field) from error
    except ReplayError as error:
        raise Problem(NOT_REPAIRABLE, _told(error, name)) from error


def _told(error: ReplayError, name: Named) -> str:
    return f"{name.database}: {error}"


def _invalid(field: str, detail: str, within: str | None = None) -> Problem:
    pointer = pointer_to([field, *(within.split("/") if within else [])])
    return problem_of(faulty([Fault(FaultKind.INVALID_VALUE, pointer, detail)]))
