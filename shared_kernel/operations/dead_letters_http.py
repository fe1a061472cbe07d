"""Dead letters over HTTP: list, show, causes; of all processes of the shop."""

from typing import Any

import msgspec
from flask import Response

from shared_kernel.dead_letters.letter import UnknownDeadLetterError
from shared_kernel.operations.letter_documents import WholeLetter
from shared_kernel.operations.letter_filters import FILTERS, selection_of
from shared_kernel.operations.letter_names import PATTERN, Named
from shared_kernel.operations.letters_of_the_shop import (
    MOST,
    PATH,
    CausePage,
    Elsewhere,
    LetterPage,
    LettersOfTheShop,
)
from shared_kernel.operations.other_processes import PROCESS, SCOPE
from shared_kernel.web.parameters import (
    Parameter,
    fault_of,
    integer,
    invalid,
    read_query,
)
from shared_kernel.web.problems import (
    PEER_UNAVAILABLE,
    RETRY_AFTER_S,
    Problem,
    kind,
)
from shared_kernel.web.reading import next_link
from shared_kernel.web.routes import Api, Success

LETTER = {
    "type": "string",
    "pattern": f"^{PATTERN}$",
    "examples": ["shop_read:1"],
}
"""The schema of a letter's name in a path."""

UNKNOWN_LETTER = kind(
    "unknown-dead-letter",
    404,
    "There is no such dead letter",
    "It has been replayed or discarded, or another process has it: `detail` says which "
    "databases this one has, and `at` is the address of that process, if it is known.",
)

_CURSOR = Parameter(
    name="cursor",
    description="Where to go on: follow `Link`.",
    schema={**LETTER, "maxLength": 100},
)
_PAGE = (*FILTERS, integer("limit", "How many.", 1, MOST, default=100), _CURSOR, SCOPE)
_CAUSES = (*(each for each in FILTERS if each.name != "state"), SCOPE)


def add_dead_letters(api: Api, shop: LettersOfTheShop) -> None:
    _add_lists(api, shop)

    @api.route(
        "GET",
        "/dead-letters/<numbered:letter>",
        summary="Show a dead letter",
        peers=True,
        parameters=(SCOPE,),
        tagged=False,
        problems=(UNKNOWN_LETTER, PEER_UNAVAILABLE),
        success=Success(
            description="All of it, and how many wait behind it.",
            kind=WholeLetter,
            headers={"ETag": "Its version, for `If-Match`."},
        ),
    )
    def show_dead_letter(letter: str) -> Response:
        """A letter of another process is asked of that one, unless `scope=process`."""
        scope = read_query((SCOPE,))["scope"]
        found = _found(shop, named(letter), scope)
        return as_json(found, {"ETag": f'"{found.version}"'})


def _add_lists(api: Api, shop: LettersOfTheShop) -> None:
    @api.route(
        "GET",
        PATH,
        summary="List dead letters",
        peers=True,
        parameters=_PAGE,
        success=Success(
            description="By database and number. `not_asked` says of which services no "
            "process could be asked, and why: they may have more.",
            kind=LetterPage,
            headers={"Link": "The next page, if there may be one."},
        ),
    )
    def list_dead_letters() -> Response:
        """Messages that failed (`dead`), and those parked behind one of the same key.

        The other processes of the shop are asked for theirs, unless `scope=process`.
        """
        asked = read_query(_PAGE)
        cursor, limit = asked["cursor"], asked["limit"]
        after = None if cursor is None else named_in("cursor", cursor)
        page = shop.page(selection_of(asked), after, limit, asked["scope"])
        response = as_json(page)
        if len(page.letters) == limit:
            following = asked | {"cursor": page.letters[-1].letter}
            response.headers.update(next_link(**following))
        return response

    @api.route(
        "GET",
        f"{PATH}/causes",
        summary="List why messages failed",
        peers=True,
        parameters=_CAUSES,
        success=Success(
            description="The most frequent cause first. `not_asked` as in the list.",
            kind=CausePage,
        ),
    )
    def list_causes() -> Response:
        """Thousands of dead letters have a few causes: an error, and where it arose.

        The other processes of the shop are asked for theirs, unless `scope=process`.
        """
        asked = read_query(_CAUSES)
        return as_json(shop.causes(selection_of(asked), asked["scope"]))


def _found(shop: LettersOfTheShop, name: Named, scope: str) -> WholeLetter:
    """Raises Problem."""
    try:
        return shop.show(name)
    except UnknownDeadLetterError:
        if name.database in shop.here or scope == PROCESS:
            raise unknown(shop, name) from None
    answers = shop.find(name)
    for document in answers.documents:
        return document
    for missing in answers.not_asked:
        raise Problem(
            PEER_UNAVAILABLE,
            f"{missing.service}: {missing.why}; it may have {name}",
            headers={"Retry-After": RETRY_AFTER_S},
            peer=missing.service,
        )
    raise unknown(shop, name)


def named(letter: str) -> Named:
    """Raises Problem."""
    return named_in("letter", letter)


def unknown(
    shop: LettersOfTheShop, name: Named, elsewhere: Elsewhere | None = None
) -> Problem:
    """`elsewhere` is who has it, if others were asked."""
    if name.database in shop.here:
        return Problem(UNKNOWN_LETTER, f"there is no dead letter {name}")
    databases = ", ".join(shop.here) or "none with dead letters"
    detail = f"there is no dead letter {name} here: this process has {databases}"
    if elsewhere is None:
        return Problem(UNKNOWN_LETTER, detail)
    detail = f"{detail}; {elsewhere.told}"
    if elsewhere.at is None:
        return Problem(UNKNOWN_LETTER, detail)
    return Problem(UNKNOWN_LETTER, detail, at=elsewhere.at)


def as_json(document: Any, headers: dict[str, str] | None = None) -> Response:
    body = msgspec.json.encode(document)
    return Response(body, headers=headers, content_type="application/json")


def named_in(parameter: str, text: str) -> Named:
    """The letter that a parameter names. Raises Problem."""
    try:
        return Named.read(text)
    except ValueError:
        expected = "expected the name of a letter, such as shop_read:1"
        raise invalid([fault_of(parameter, expected)]) from None
