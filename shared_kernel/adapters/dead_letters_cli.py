"""Dead letters at the command line. A letter is named by its database and number."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import attrs
import click
from rich.console import Console
from rich.table import Table

from shared_kernel.adapters.bounded_context import BoundedContext
from shared_kernel.adapters.clock import from_us
from shared_kernel.events.dead_letters import DEAD, DeadLetter, ReplayError
from shared_kernel.events.replay import DeadLetterOffice

Named = tuple[DeadLetterOffice, int]


class _Letter(click.ParamType[Named]):
    """`catalog_read:3`: the third letter of the database `catalog_read`."""

    name = "letter"

    def __init__(self, offices: Mapping[str, DeadLetterOffice]) -> None:
        self._offices = offices

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Named:
        database, _, number = value.partition(":")
        if database not in self._offices or not number.isdecimal():
            known = ", ".join(f"{name}:1" for name in self._offices)
            self.fail(
                f"{value!r} names no letter; expected such as {known}", param, ctx
            )
        return self._offices[database], int(number)


def dead_letters_group(contexts: Sequence[BoundedContext]) -> click.Group:
    offices = {
        database: office
        for context in contexts
        for database, office in context.dead_letters.items()
    }
    letter = _Letter(offices)
    group = click.Group("dead-letters", help="Events that could not be applied.")

    @group.command("list")
    @click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
    def list_letters(as_json: bool) -> None:
        """List what failed (dead), and what waits behind it (parked)."""
        found = [
            (f"{database}:{each.number}", each)
            for database, office in offices.items()
            for each in office.list()
        ]
        if as_json:
            for name, each in found:
                click.echo(json.dumps(_as_dict(name, each)))
            return
        if not found:
            click.echo("There are no dead letters.")
            return
        table = Table("letter", "state", "subscription", "event", "key", "since", "why")
        for name, each in found:
            table.add_row(
                name,
                each.state,
                each.subscription,
                each.envelope.type,
                each.envelope.key,
                from_us(each.since_us).isoformat(timespec="seconds"),
                each.reason,
            )
        Console(width=None if Console().is_terminal else 180).print(table)

    @group.command("show")
    @click.argument("which", type=letter, metavar="LETTER")
    def show(which: Named) -> None:
        """Show all there is to know of LETTER, such as catalog_read:3."""
        office, number = which
        with _as_click_errors():
            found = office.show(number)
        click.echo(json.dumps(_as_dict(str(number), found), indent=2))

    @group.command("replay")
    @click.argument("which", type=letter, metavar="[LETTER]", required=False)
    @click.option("--all", "every", is_flag=True, help="All that are dead.")
    @click.pass_context
    def replay(context: click.Context, which: Named | None, every: bool) -> None:
        """Apply LETTER again, and then what waits behind it, in order.

        Exit code 1 if it fails again: then it stays, and what waits goes on waiting.
        """
        if (which is None) is not every:
            raise click.UsageError("name one LETTER, or give --all")
        chosen = [which] if which else _dead(offices)
        failed = 0
        for office, number in chosen:
            try:
                applied = office.replay(number)
                click.echo(f"{number}: applied {applied} event(s)")
            except ReplayError as error:
                click.echo(str(error), err=True)
                failed += 1
        context.exit(1 if failed else 0)

    @group.command("discard")
    @click.argument("which", type=letter, metavar="LETTER")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def discard(which: Named, yes: bool) -> None:
        """Let LETTER go for ever, and apply what waits behind it."""
        office, number = which
        with _as_click_errors():
            found = office.show(number)
            if not yes:
                click.confirm(f"Discard {found.envelope}?", abort=True)
            click.echo(
                f"discarded; applied {office.discard(number)} event(s) behind it"
            )

    return group


@contextmanager
def _as_click_errors() -> Iterator[None]:
    """What the office refuses, as an error of the command line."""
    try:
        yield
    except ReplayError as error:
        raise click.ClickException(str(error)) from error


def _dead(offices: Mapping[str, DeadLetterOffice]) -> list[Named]:
    return [
        (office, each.number)
        for office in offices.values()
        for each in office.list()
        if each.state == DEAD
    ]


def _as_dict(name: str, letter: DeadLetter) -> dict[str, object]:
    envelope = attrs.asdict(letter.envelope)
    envelope["data"] = json.loads(letter.envelope.data)
    return {
        "letter": name,
        "state": letter.state,
        "subscription": letter.subscription,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "since": from_us(letter.since_us).isoformat(),
        "event": envelope,
    }
