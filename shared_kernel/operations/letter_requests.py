"""Requests that do something with dead letters: of whom, with what, and refusals.

They are about the databases of this process.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypedDict, TypeVar

import attrs

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
    named,
    unknown,
)
from shared_kernel.operations.letter_filters import A_MOMENT, read_moment
from shared_kernel.operations.letter_names import Named
from shared_kernel.operations.letters_of_the_shop import LettersOfTheShop
from shared_kernel.operations.repair_bodies import (
    ByBody,
    ChoiceBody,
    DataBody,
    DiscardManyBody,
    ReasonBody,
    RepairManyBody,
)
from shared_kernel.repair.payloads import InvalidPayloadError
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.web.bodies import problem_of
from shared_kernel.web.parameters import read_query
from shared_kernel.web.preconditions import expected_version
from shared_kernel.web.problems import STALE_VERSION, Problem, ProblemKind, kind

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
OF_ONE = (UNKNOWN_LETTER, NOT_REPAIRABLE, CHANGED, STALE_VERSION)

R = TypeVar("R")
Act = Callable[[DeadLetters, int, int | None], R]
"""Does something with the letter of that number, if it has that version."""


@attrs.frozen
class OneLetter:
    """Does something with a letter of this process, for a request that names it."""

    shop: LettersOfTheShop

    def do(self, text: str, act: Act[R]) -> R:
        """What `act` returns for the letter in the path. Raises Problem."""
        read_query(())
        name = named(text)
        letters = self.shop.here.get(name.database)
        if letters is None:
            raise unknown(self.shop, name, self.shop.elsewhere(name))
        asked = expected_version()
        with _refusals_answered(name, CHANGED if asked is None else STALE_VERSION):
            expected = None if asked is None else _checked(letters, name, asked)
            return act(letters, name.number, expected)


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
    return Selection(**chosen, since_us=since_us, state=DEAD)


def _checked(letters: DeadLetters, name: Named, asked: int | Expectation) -> int:
    """The letter's version. Raises StaleVersion, PreconditionFailed and ReplayError."""
    current = letters.show(name.number).version
    if isinstance(asked, Expectation):
        asked.check(str(name), current, exists=True)
        return current
    return asked


class By(TypedDict):
    who: str
    why: str


def by_of(
    body: ByBody | ReasonBody | DataBody | RepairManyBody | DiscardManyBody,
) -> By:
    return By(who=body.who or "", why=body.why or "")


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
