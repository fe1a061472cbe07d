"""Dead letters at the command line. A letter is named by its database and number."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import attrs
import click
import msgspec

from shared_kernel.clock import from_us
from shared_kernel.dead_letters.letter import (
    DEAD,
    DeadLetter,
    ReplayError,
    UnknownDeadLetterError,
)
from shared_kernel.operations.terminal import show_table, storage_faults_reported
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.runtime.service import Service

ByDatabase = Mapping[str, DeadLetters]
MOST_DIGITS = 18


@attrs.frozen
class Named:
    """`sales:3`: the third letter of the database `sales`."""

    database: str
    number: int

    def __str__(self) -> str:
        return f"{self.database}:{self.number}"


class _Letter(click.ParamType[Named]):
    name = "letter"

    def __init__(self, by_database: ByDatabase) -> None:
        self._by_database = by_database

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Named:
        database, _, digits = value.partition(":")
        readable = digits.isdecimal() and len(digits) <= MOST_DIGITS
        if database not in self._by_database or not readable:
            such = " or ".join(f"{name}:1" for name in self._by_database)
            self.fail(f"{value!r} names no letter; expected such as {such}", param, ctx)
        return Named(database, int(digits))


def dead_letters_group(services: Sequence[Service]) -> click.Group:
    by_database = {
        database: letters
        for service in services
        for database, letters in service.dead_letters.items()
    }
    letter = click.argument("which", type=_Letter(by_database), metavar="LETTER")
    group = click.Group(
        "dead-letters",
        help="Events that could not be applied. Each has a name, such as "
        f"{next(iter(by_database), 'database')}:3; `list` tells it.",
    )

    @group.command("list")
    @click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
    def list_letters(as_json: bool) -> None:
        """List events that failed (dead), and those that wait behind them (parked)."""
        with storage_faults_reported():
            found = list(_all(by_database))
        if as_json:
            for name, each in found:
                click.echo(msgspec.json.encode(_as_document(name, each)))
        elif found:
            _show(found)
        else:
            click.echo("There are no dead letters.")

    @group.command("show")
    @letter
    def show(which: Named) -> None:
        """Show all details of LETTER, as JSON."""
        with _refusals_reported(which):
            found = by_database[which.database].show(which.number)
        document = msgspec.json.encode(_as_document(which, found))
        click.echo(msgspec.json.format(document, indent=2))

    @group.command("replay")
    @click.argument(
        "which", type=_Letter(by_database), metavar="[LETTER]", required=False
    )
    @click.option("--all", "every", is_flag=True, help="All that are dead.")
    def replay(which: Named | None, every: bool) -> None:
        """Apply LETTER again, and then the events parked behind it, in order.

        Exit code 1 if it fails again: then it stays, and the others stay parked.
        """
        if (which is None) is not every:
            raise click.UsageError("name one LETTER, or give --all")
        if which is not None:
            _replay(by_database, which)
            return
        with storage_faults_reported():
            dead = [name for name, each in _all(by_database) if each.state == DEAD]
        failures = 0
        for name in dead:
            try:
                _replay(by_database, name)
            except click.ClickException as refusal:
                refusal.show()
                failures += 1
        if failures:
            raise click.ClickException(f"{failures} of {len(dead)} failed again")

    @group.command("discard")
    @letter
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def discard(which: Named, yes: bool) -> None:
        """Delete LETTER for ever, and apply the events parked behind it.

        Exit code 1 if one of those fails: then that one is the dead letter.
        """
        letters = by_database[which.database]
        with _refusals_reported(which):
            found = letters.show(which.number)
        if not yes:
            click.confirm(f"Discard {which}, {found.envelope}?", abort=True)
        with _refusals_reported(which):
            applied = letters.discard(which.number)
        click.echo(f"{which}: discarded; applied {_events(applied)} behind it")

    return group


def _replay(by_database: ByDatabase, which: Named) -> None:
    with _refusals_reported(which):
        applied = by_database[which.database].replay(which.number)
    click.echo(f"{which}: applied {_events(applied)}")


@contextmanager
def _refusals_reported(which: Named) -> Iterator[None]:
    """Exit code 2 for an unknown letter, 1 for what cannot be done now."""
    try:
        with storage_faults_reported():
            yield
    except UnknownDeadLetterError as error:
        raise click.UsageError(f"there is no dead letter {which}") from error
    except ReplayError as error:
        raise click.ClickException(f"{which.database}: {error}") from error


def _all(by_database: ByDatabase) -> Iterator[tuple[Named, DeadLetter]]:
    for database, letters in by_database.items():
        for each in letters.list():
            yield Named(database, each.number), each


def _show(found: Sequence[tuple[Named, DeadLetter]]) -> None:
    show_table(
        ("letter", "state", "subscription", "event", "key", "since", "reason"),
        [
            (
                str(name),
                each.state,
                each.subscription,
                f"{each.envelope.source} {each.envelope.position} {each.envelope.type}",
                each.envelope.key,
                from_us(each.since_us).isoformat(timespec="seconds"),
                each.reason,
            )
            for name, each in found
        ],
    )


def _as_document(name: Named, letter: DeadLetter) -> dict[str, object]:
    kept = attrs.filters.exclude("log", "previous", "relay", "seal")
    event = attrs.asdict(letter.envelope, filter=kept)
    event["data"] = _payload(letter.envelope.data)
    event["time"] = letter.envelope.time
    del event["time_us"]
    return {
        "letter": str(name),
        "state": letter.state,
        "subscription": letter.subscription,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "since": from_us(letter.since_us),
        "event": event,
    }


def _payload(data: bytes) -> object:
    """As JSON, or as text: the letter may be dead because it is not JSON."""
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return data.decode(errors="replace")
    return msgspec.Raw(data)


def _events(number: int) -> str:
    return "1 event" if number == 1 else f"{number} events"
