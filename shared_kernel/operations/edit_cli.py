"""`dead-letters edit`: the payload of a letter, from a file, by fields or by hand."""

from functools import partial
from typing import BinaryIO

import click

from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.operations.letter_edits import (
    SETTING,
    Checked,
    differences,
    edited_by_hand,
    with_fields,
)
from shared_kernel.operations.letter_names import ByDatabase, Named, OwnLetter
from shared_kernel.operations.repair_refusals import refusals_reported
from shared_kernel.operations.terminal import has_a_terminal
from shared_kernel.operations.who_and_why import NEEDS_WHY, WHO

Settings = tuple[tuple[str, str], ...]


def add_edit(group: click.Group, here: ByDatabase, own: OwnLetter) -> None:
    @group.command("edit")
    @click.argument("which", type=own, metavar="LETTER")
    @click.option("--data", type=click.File("rb"), help="All of it; - is stdin.")
    @click.option(
        "--set",
        "settings",
        type=SETTING,
        multiple=True,
        help="A field, as text or as JSON. Repeatable.",
    )
    @WHO
    @NEEDS_WHY
    @click.option("--dry-run", is_flag=True, help="Only check and show it.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def edit(
        which: Named,
        data: BinaryIO | None,
        settings: Settings,
        who: str,
        why: str,
        dry_run: bool,
        yes: bool,
    ) -> None:
        """Give LETTER another payload, which `replay` will apply.

        Without --data and --set it opens your editor. The payload is checked by the
        schema of the event. What it was at first is kept, and so is the event in the
        log; rebuilds apply it as edited, too. Exit code 1 if it is refused, or if
        somebody else has changed the letter meanwhile: then nothing changes.
        """
        letters = here[which.database]
        with refusals_reported(which):
            letter = letters.show(which.number)
            check = partial(letters.check, letter)
            edited = _edited(letter, data, settings, check)
            check(edited)
        if not _is_wanted(letter, edited, yes or dry_run) or dry_run:
            return
        with refusals_reported(which):
            kept = letters.edit(
                which.number, edited, who=who, why=why, expected=letter.version
            )
        click.echo(
            f"{which}: edited, at version {kept.version} now; "
            f"`dead-letters replay {which}` applies it"
        )


def _edited(
    letter: DeadLetter, data: BinaryIO | None, settings: Settings, check: Checked
) -> bytes:
    before = letter.envelope.data
    if data is not None and settings:
        raise click.UsageError("give --data or --set, not both")
    if data is not None:
        return data.read()
    if settings:
        return with_fields(before, settings)
    if not has_a_terminal():
        raise click.UsageError(
            "give --data FILE or --set field=value; an editor needs a terminal"
        )
    return edited_by_hand(before, check) or before


def _is_wanted(letter: DeadLetter, edited: bytes, yes: bool) -> bool:
    """Show the difference; ask in a terminal. Raises Abort."""
    if edited == letter.envelope.data:
        click.echo("It has that payload already.")
        return False
    for line in differences(letter.envelope.data, edited):
        click.echo(line)
    if not yes and has_a_terminal():
        click.confirm("Edit it so?", abort=True)
    return True
