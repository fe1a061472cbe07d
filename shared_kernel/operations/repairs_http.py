"""What was done with the dead letters of this process, over HTTP."""

from flask import Response

from shared_kernel.operations.dead_letters_http import LETTER, as_json, named_in
from shared_kernel.operations.letter_documents import ShownRepair, shown_repair
from shared_kernel.operations.letter_names import Named
from shared_kernel.operations.letters_of_the_shop import MOST, PATH, LettersOfTheShop
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.web.parameters import Parameter, integer, read_query
from shared_kernel.web.reading import next_link
from shared_kernel.web.routes import Api, Success

_PARAMETERS = (
    Parameter(
        name="letter",
        description="Only what was done with this one, which may be gone.",
        schema={**LETTER, "maxLength": 100},
    ),
    integer("limit", "How many.", 1, MOST, default=100),
    Parameter(
        name="cursor",
        description="Where to go on: follow `Link`.",
        schema={**LETTER, "maxLength": 100},
    ),
)


def add_repairs_made(api: Api, shop: LettersOfTheShop) -> None:
    @api.route(
        "GET",
        f"{PATH}/repairs",
        summary="List what was done with dead letters",
        parameters=_PARAMETERS,
        success=Success(
            description="By database, the newest first.",
            kind=list[ShownRepair],
            headers={"Link": "The next page, if there may be one."},
        ),
    )
    def list_repairs() -> Response:
        """Who replayed, edited, discarded or requeued which letter, when and why.

        Of the databases of this process. They stay when the letter is gone.
        """
        asked = read_query(_PARAMETERS)
        letter, cursor = (
            None if asked[name] is None else named_in(name, asked[name])
            for name in ("letter", "cursor")
        )
        found = _page(shop, letter, cursor, asked["limit"])
        response = as_json(found)
        if len(found) == asked["limit"]:
            following = asked | {"cursor": found[-1].repair}
            response.headers.update(next_link(**following))
        return response


def _page(
    shop: LettersOfTheShop, letter: Named | None, after: Named | None, limit: int
) -> list[ShownRepair]:
    found: list[ShownRepair] = []
    for database, letters in sorted(shop.here.items()):
        if letter is not None and letter.database != database:
            continue
        if after is None or after.database < database:
            before = None
        elif after.database == database:
            before = after.number
        else:
            continue
        found += _made(database, letters, letter, before, limit - len(found))
        if len(found) == limit:
            break
    return found


def _made(
    database: str,
    letters: DeadLetters,
    letter: Named | None,
    before: int | None,
    limit: int,
) -> list[ShownRepair]:
    number = None if letter is None else letter.number
    made = letters.repairs(letter=number, before=before, limit=limit)
    return [shown_repair(database, each) for each in made]
