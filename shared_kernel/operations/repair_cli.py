"""`dead-letters replay | discard | requeue`, and the other commands that repair.

They work on the databases of this process.
"""

from functools import partial

import attrs
import click

from shared_kernel.dead_letters.letter import ReplayError, StillFailingError
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.operations.edit_cli import add_edit
from shared_kernel.operations.letter_filters import filter_options
from shared_kernel.operations.letter_names import ByDatabase, Named, OwnLetter
from shared_kernel.operations.repair_refusals import refusals_reported
from shared_kernel.operations.repair_verbs import (
    DISCARD,
    REPLAY,
    REQUEUE,
    Told,
    Verb,
    events,
)
from shared_kernel.operations.repairs_cli import add_repairs
from shared_kernel.operations.terminal import has_a_terminal, storage_faults_reported
from shared_kernel.operations.who_and_why import NEEDS_WHY, WHO, WHY
from shared_kernel.repair.many import Chosen, each_of


def add_repair_commands(group: click.Group, here: ByDatabase, own: OwnLetter) -> None:
    for verb in (REPLAY, REQUEUE, DISCARD):
        group.add_command(_command(verb, here, own))
    add_edit(group, here, own)
    add_repairs(group, here, own)


def _command(verb: Verb, here: ByDatabase, own: OwnLetter) -> click.Command:
    @click.command(verb.name, help=verb.help)
    @click.argument("which", type=own, metavar="[LETTER]", required=False)
    @filter_options
    @click.option("--all", "every", is_flag=True, help="All that are dead.")
    @WHO
    @(NEEDS_WHY if verb.is_final else WHY)
    @click.option("--dry-run", is_flag=True, help="Only tell how many they are.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def command(
        which: Named | None,
        selection: Selection,
        every: bool,
        who: str,
        why: str,
        dry_run: bool,
        yes: bool,
    ) -> None:
        letters = _chosen(here, which, selection, every)
        if dry_run:
            click.echo(f"Would {verb.name} {letters}.")
            return
        asks = verb.is_final or (letters.one is None and has_a_terminal())
        if letters.count and asks and not yes:
            click.confirm(f"{verb.name.capitalize()} {letters}?", abort=True)
        if letters.one is not None:
            _do_one(verb, here, letters.one, who, why)
        else:
            _do_all(verb, here, letters, who, why)

    return command


@attrs.frozen
class _Letters:
    """By database. `one` is the only one, if it was named."""

    by_database: dict[str, Chosen]
    one: Named | None = None
    described: str = ""

    @property
    def count(self) -> int:
        return sum(len(each.numbers) for each in self.by_database.values())

    def __str__(self) -> str:
        if self.one is not None:
            return f"{self.one}, {self.described}"
        waiting = sum(each.waiting for each in self.by_database.values())
        letters = "1 dead letter" if self.count == 1 else f"{self.count:,} dead letters"
        return f"{letters}, and {waiting:,} behind"


def _chosen(
    here: ByDatabase, which: Named | None, selection: Selection, every: bool
) -> _Letters:
    if (which is not None) + (selection != Selection()) + every != 1:
        raise click.UsageError("name one LETTER, or give a filter, or --all")
    if which is not None:
        with refusals_reported(which):
            letter = here[which.database].show(which.number)
        only = {which.database: Chosen((which.number,), 0)}
        return _Letters(only, which, str(letter.envelope))
    with storage_faults_reported():
        return _Letters({name: of.choose(selection) for name, of in here.items()})


def _do_one(verb: Verb, here: ByDatabase, which: Named, who: str, why: str) -> None:
    with refusals_reported(which):
        try:
            done = verb.act(here[which.database], which.number, who, why)
        except StillFailingError as error:
            if verb is not DISCARD:
                raise
            raise ReplayError(f"{which} is discarded; behind it {error}") from error
    click.echo(f"{which}: {verb.done.format(events=events(done))}")


def _do_all(
    verb: Verb, here: ByDatabase, letters: _Letters, who: str, why: str
) -> None:
    told = Told(verb, letters.count)
    with told:
        for database, chosen in letters.by_database.items():
            act = partial(verb.act, here[database], who=who, why=why)
            with storage_faults_reported():
                for outcome in each_of(chosen, act):
                    told.tell(database, outcome)
    told.sum_up()
