"""`dead-letters replay | discard`: of the databases of this process."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from shared_kernel.dead_letters.letter import (
    DEAD,
    ReplayError,
    UnknownDeadLetterError,
)
from shared_kernel.operations.letter_names import ByDatabase, Named, OwnLetter
from shared_kernel.operations.terminal import storage_faults_reported


def add_repair_commands(group: click.Group, here: ByDatabase) -> None:
    _add_replay(group, here)
    _add_discard(group, here)


def _add_replay(group: click.Group, here: ByDatabase) -> None:
    @group.command("replay")
    @click.argument("which", type=OwnLetter(here), metavar="[LETTER]", required=False)
    @click.option("--all", "every", is_flag=True, help="All that are dead.")
    def replay(which: Named | None, every: bool) -> None:
        """Apply LETTER again, and then the events parked behind it, in order.

        Exit code 1 if it fails again: then it stays, and the others stay parked.
        """
        if (which is None) is not every:
            raise click.UsageError("name one LETTER, or give --all")
        if which is not None:
            _replay(here, which)
            return
        with storage_faults_reported():
            dead = list(_all_dead(here))
        failures = 0
        for name in dead:
            try:
                _replay(here, name)
            except click.ClickException as refusal:
                refusal.show()
                failures += 1
        if failures:
            raise click.ClickException(f"{failures} of {len(dead)} failed again")


def _add_discard(group: click.Group, here: ByDatabase) -> None:
    @group.command("discard")
    @click.argument("which", type=OwnLetter(here), metavar="LETTER")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def discard(which: Named, yes: bool) -> None:
        """Delete LETTER for ever, and apply the events parked behind it.

        Exit code 1 if one of those fails: then that one is the dead letter.
        """
        letters = here[which.database]
        with refusals_reported(which):
            found = letters.show(which.number)
        if not yes:
            click.confirm(f"Discard {which}, {found.envelope}?", abort=True)
        with refusals_reported(which):
            applied = letters.discard(which.number)
        click.echo(f"{which}: discarded; applied {events(applied)} behind it")


def _replay(here: ByDatabase, which: Named) -> None:
    with refusals_reported(which):
        applied = here[which.database].replay(which.number)
    click.echo(f"{which}: applied {events(applied)}")


@contextmanager
def refusals_reported(which: Named) -> Iterator[None]:
    """Exit code 2 for an unknown letter, 1 for what cannot be done now."""
    try:
        with storage_faults_reported():
            yield
    except UnknownDeadLetterError as error:
        raise click.UsageError(f"there is no dead letter {which}") from error
    except ReplayError as error:
        raise click.ClickException(f"{which.database}: {error}") from error


def _all_dead(here: ByDatabase) -> Iterator[Named]:
    for database, letters in here.items():
        for each in letters.list():
            if each.state == DEAD:
                yield Named(database, each.number)


def events(number: int) -> str:
    return "1 event" if number == 1 else f"{number} events"
