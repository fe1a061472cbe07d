"""`dead-letters rehearse`: of the databases of this process."""

from collections.abc import Iterator

import click
import msgspec
from rich.console import Console

from shared_kernel.dead_letters.letter import (
    DEAD,
    ReplayError,
    UnknownDeadLetterError,
)
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.files.progress import ProgressBar, Rate
from shared_kernel.operations.letter_filters import filter_options
from shared_kernel.operations.letter_names import ByDatabase, Named, OwnLetter
from shared_kernel.operations.rehearsal_documents import shown_rehearsal
from shared_kernel.operations.rehearsal_texts import (
    show_outcomes,
    told_changes,
    told_outcome,
)
from shared_kernel.operations.terminal import storage_faults_reported
from shared_kernel.repair.rehearsed import Outcomes, Rehearsed

HELP = """Try LETTER, or several, with today's code, and undo all of it.

Each is tried with the events parked behind it, as a replay would apply them. Nothing
changes; others can go on. Says which would succeed, which would fail again and why, and
with --changes which rows would change, from what to what.

Exit code 1 if one would fail again.
"""


def add_rehearse(group: click.Group, here: ByDatabase, own: OwnLetter) -> None:
    @group.command("rehearse", help=HELP)
    @click.argument("which", type=own, metavar="[LETTER]", required=False)
    @filter_options
    @click.option("--all", "every", is_flag=True, help="All that are dead.")
    @click.option(
        "--changes", is_flag=True, help="Tell each letter, and the rows it changes."
    )
    @click.option(
        "--json", "as_json", is_flag=True, help="A JSON object a line, with all that."
    )
    def rehearse(
        which: Named | None,
        selection: Selection,
        every: bool,
        changes: bool,
        as_json: bool,
    ) -> None:
        if (which is not None) + (selection != Selection()) + every != 1:
            raise click.UsageError("name one LETTER, or give a filter, or --all")
        outcomes = Outcomes()
        for name, rehearsed in _rehearsed(here, which, selection):
            outcomes.add(str(name), rehearsed)
            if as_json:
                document = shown_rehearsal(name.database, rehearsed)
                click.echo(msgspec.json.encode(document))
            elif changes or which is not None:
                click.echo(told_outcome(name, rehearsed))
                for line in told_changes(rehearsed):
                    click.echo(f"    {line}")
        if which is None and not as_json:
            show_outcomes(outcomes)
        if outcomes.succeeding < outcomes.letters:
            raise click.exceptions.Exit(1)


def _rehearsed(
    here: ByDatabase, which: Named | None, selection: Selection
) -> Iterator[tuple[Named, Rehearsed]]:
    if which is not None:
        yield which, _rehearsed_alone(here, which)
        return
    with storage_faults_reported():
        total = sum(letters.count(selection, DEAD) for letters in here.values())
    rate = Rate()
    console = Console(stderr=True)
    with ProgressBar(console, "rehearsing", total) as progress:
        done = 0
        for database, letters in here.items():
            with storage_faults_reported():
                for rehearsed in letters.rehearse(selection):
                    done += 1
                    yield Named(database, rehearsed.letter.number), rehearsed
                    progress.show(done, f"{done:,} letters, {rate.of(done)}")


def _rehearsed_alone(here: ByDatabase, which: Named) -> Rehearsed:
    """Exit code 2 for an unknown letter, 1 for one that waits behind another."""
    try:
        with storage_faults_reported():
            return here[which.database].rehearse_letter(which.number)
    except UnknownDeadLetterError as error:
        raise click.UsageError(f"there is no dead letter {which}") from error
    except ReplayError as error:
        raise click.ClickException(f"{which.database}: {error}") from error
