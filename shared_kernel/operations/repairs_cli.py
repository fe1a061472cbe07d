"""`dead-letters repairs`: what was done with letters, by whom, when and why."""

import click
import msgspec

from shared_kernel.clock import from_us
from shared_kernel.operations.letter_documents import shown_repair
from shared_kernel.operations.letter_names import ByDatabase, Named, OwnLetter
from shared_kernel.operations.terminal import show_table, storage_faults_reported
from shared_kernel.repair.history import Repair

SHOWN = 100


def add_repairs(group: click.Group, here: ByDatabase, own: OwnLetter) -> None:
    @group.command("repairs")
    @click.option("--letter", type=own, help="Only of this one.")
    @click.option(
        "--limit",
        type=click.IntRange(1, 100_000),
        default=SHOWN,
        show_default=True,
        help="The newest ones.",
    )
    @click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
    def repairs(letter: Named | None, limit: int, as_json: bool) -> None:
        """List what was done with dead letters of this process, the newest first.

        Letters that were edited, discarded, replayed or queued again; as JSON with the
        payload that was there before an edit, and that of a discarded letter.
        """
        with storage_faults_reported():
            found = _found(here, letter, limit)
        if as_json:
            for database, repair in found:
                click.echo(msgspec.json.encode(shown_repair(database, repair)))
        elif found:
            _show(found)
        else:
            click.echo("Nothing was done with dead letters.")


def _found(
    here: ByDatabase, letter: Named | None, limit: int
) -> list[tuple[str, Repair]]:
    of = None if letter is None else letter.number
    found = [
        (database, repair)
        for database, letters in here.items()
        if letter is None or database == letter.database
        for repair in letters.repairs(letter=of, limit=limit)
    ]
    found.sort(key=lambda each: (each[1].at_us, each[1].number), reverse=True)
    return found[:limit]


def _show(found: list[tuple[str, Repair]]) -> None:
    show_table(
        ("at", "letter", "was", "by", "why", "event", "key"),
        [
            (
                from_us(each.at_us).isoformat(timespec="seconds"),
                str(Named(database, each.letter)),
                each.action,
                each.who,
                each.why,
                f"{each.source} {each.position} {each.type}",
                each.key,
            )
            for database, each in found
        ],
    )
