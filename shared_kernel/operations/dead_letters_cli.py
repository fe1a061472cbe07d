"""`dead-letters list | show | causes`, of all processes; and the commands that repair.

A letter is named by its database and number.
"""

from collections.abc import Iterator, Sequence

import click
import msgspec

from shared_kernel.dead_letters.letter import UnknownDeadLetterError
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.operations.letter_documents import (
    ShownCause,
    ShownLetter,
    WholeLetter,
)
from shared_kernel.operations.letter_filters import (
    filter_options,
    filter_options_with_state,
)
from shared_kernel.operations.letter_names import (
    AnyLetter,
    Named,
    OwnLetter,
    by_database,
)
from shared_kernel.operations.letters_of_the_shop import LettersOfTheShop
from shared_kernel.operations.other_processes import SHOP, NotAsked, OtherProcesses
from shared_kernel.operations.rehearse_cli import add_rehearse
from shared_kernel.operations.repair_cli import add_repair_commands
from shared_kernel.operations.terminal import show_table, storage_faults_reported
from shared_kernel.runtime.service import Service

SHOWN = 100
PAGE = 200
"""So many are asked of another process at a time: it has a second for them."""
NONE = "There are no dead letters."
JSON = click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")


def dead_letters_group(
    services: Sequence[Service], others: OtherProcesses | None = None
) -> click.Group:
    here = by_database(services)
    others = others or OtherProcesses()
    shop = LettersOfTheShop(here, others)
    own = OwnLetter(here, lambda name: shop.elsewhere(name).told)
    letter = AnyLetter(here) if others.missing else own
    group = click.Group(
        "dead-letters",
        help="Events that could not be applied. Each has a name, such as "
        f"{next(iter(here), 'database')}:3; `list` tells it.",
    )
    group.add_command(_list_command(shop, letter))
    group.add_command(_show_command(shop, letter))
    group.add_command(_causes_command(shop))
    add_rehearse(group, here, own)
    add_repair_commands(group, here, own)
    return group


def _list_command(shop: LettersOfTheShop, letter: AnyLetter) -> click.Command:
    @click.command("list")
    @filter_options_with_state
    @click.option("--after", type=letter, metavar="LETTER", help="Go on behind it.")
    @click.option(
        "--limit",
        type=click.IntRange(min=1),
        help=f"How many at the most; {SHOWN} in a table, all as JSON.",
    )
    @JSON
    def list_letters(
        selection: Selection, after: Named | None, limit: int | None, as_json: bool
    ) -> None:
        """List events that failed (dead), and those that wait behind them (parked).

        Of all processes of the shop. Exit code 1 if one of them did not answer.
        """
        wanted = limit or (None if as_json else SHOWN)
        listing = _Listing(shop, selection, after, wanted)
        if as_json:
            for letter in listing:
                click.echo(msgspec.json.encode(letter))
        elif letters := list(listing):
            _show(letters)
            if len(letters) == wanted:
                click.echo(f"Go on with --after {letters[-1].letter}.")
        elif not listing.not_asked:
            click.echo(NONE)
        _tell(listing.not_asked)

    return list_letters


class _Listing:
    """The letters, read a page at a time; after that `not_asked` is known."""

    def __init__(
        self,
        shop: LettersOfTheShop,
        selection: Selection,
        after: Named | None,
        limit: int | None,
    ) -> None:
        self._shop = shop
        self._selection = selection
        self._after = after
        self._left = limit
        self.not_asked: list[NotAsked] = []

    def __iter__(self) -> Iterator[ShownLetter]:
        while self._left != 0:
            asked = PAGE if self._left is None else min(self._left, PAGE)
            with storage_faults_reported():
                page = self._shop.page(self._selection, self._after, asked, SHOP)
            known = dict.fromkeys([*self.not_asked, *page.not_asked])
            self.not_asked = list(known)
            yield from page.letters
            if len(page.letters) < asked:
                return
            self._after = page.letters[-1].name
            if self._left is not None:
                self._left -= asked


def _show_command(shop: LettersOfTheShop, letter: AnyLetter) -> click.Command:
    @click.command("show")
    @click.argument("which", type=letter, metavar="LETTER")
    def show(which: Named) -> None:
        """Show all details of LETTER, of any process, as JSON."""
        document = msgspec.json.encode(_found(shop, which))
        click.echo(msgspec.json.format(document, indent=2))

    return show


def _found(shop: LettersOfTheShop, which: Named) -> WholeLetter:
    """Raises ClickException: with exit code 2 if there is no such letter."""
    unknown = click.UsageError(f"there is no dead letter {which}")
    if which.database in shop.here:
        try:
            with storage_faults_reported():
                return shop.show(which)
        except UnknownDeadLetterError as error:
            raise unknown from error
    answers = shop.find(which)
    for document in answers.documents:
        return document
    _tell(answers.not_asked)
    raise unknown


def _causes_command(shop: LettersOfTheShop) -> click.Command:
    @click.command("causes")
    @filter_options
    @JSON
    def causes(selection: Selection, as_json: bool) -> None:
        """List why events failed: by what error, and where. The most frequent first.

        Of all processes of the shop. Exit code 1 if one of them did not answer.
        """
        with storage_faults_reported():
            page = shop.causes(selection, SHOP)
        if as_json:
            for cause in page.causes:
                click.echo(msgspec.json.encode(cause))
        elif page.causes:
            _show_causes(page.causes)
        elif not page.not_asked:
            click.echo(NONE)
        _tell(page.not_asked)

    return causes


def _tell(not_asked: Sequence[NotAsked]) -> None:
    """Who could not be asked, on stderr. Raises Exit if one should have answered."""
    for each in not_asked:
        click.echo(f"Not asked: {each.service}: {each.why}", err=True)
    if any(each.at for each in not_asked):
        raise click.exceptions.Exit(1)


def _show(letters: Sequence[ShownLetter]) -> None:
    show_table(
        ("letter", "state", "subscription", "event", "key", "since", "cause", "reason"),
        [
            (
                each.letter,
                each.state,
                each.subscription,
                f"{each.event.source} {each.event.position} {each.event.type}",
                each.event.key,
                each.since.isoformat(timespec="seconds"),
                each.cause or "",
                each.reason,
            )
            for each in letters
        ],
    )


def _show_causes(causes: Sequence[ShownCause]) -> None:
    show_table(
        (
            "cause",
            "letters",
            "parked",
            "subscription",
            "place",
            "last",
            "example",
            "error",
        ),
        [
            (
                each.cause or "not tried",
                f"{each.letters:,}",
                f"{each.parked:,}",
                each.subscription,
                each.place or "",
                each.last.isoformat(timespec="seconds"),
                each.example,
                f"{each.error_type}: {each.message}" if each.cause else each.message,
            )
            for each in causes
        ],
    )
