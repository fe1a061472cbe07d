"""Operations at the command line: status, and the logs as they grow."""

import json
import threading
from collections.abc import Sequence

import attrs
import click
import msgspec
from rich.console import Console
from rich.table import Table

from shared_kernel.adapters.bounded_context import BoundedContext
from shared_kernel.adapters.clock import Clock
from shared_kernel.adapters.observation import observe
from shared_kernel.events.cloud_events import to_structured
from shared_kernel.events.envelope import Envelope

LOOK_S = 0.2
BATCH = 500
SHOWN_CHARACTERS = 200


def status_command(contexts: Sequence[BoundedContext], clock: Clock) -> click.Command:
    @click.command("status")
    @click.option("--json", "as_json", is_flag=True, help="One JSON document.")
    def status(as_json: bool) -> None:
        """Show how far each log reaches, and how far each subscription has come.

        It tells the same from any process, since it asks the databases. What a database
        does not answer is unknown.
        """
        states = [observe(context, clock) for context in contexts]
        if as_json:
            click.echo(msgspec.json.encode([attrs.asdict(state) for state in states]))
            return
        console = Console(width=None if Console().is_terminal else 120)
        logs = Table("context", "head", "unpublished", "oldest unpublished")
        cursors = Table(
            "subscription", "source", "cursor", "lag", "lag age", "dead", "parked"
        )
        for state in states:
            logs.add_row(
                state.name,
                _count(state.head),
                _count(state.unpublished),
                _seconds(state.oldest_unpublished_seconds),
            )
            for each in state.subscriptions:
                cursors.add_row(
                    each.name,
                    each.source,
                    _count(each.cursor),
                    _count(each.lag_events),
                    _seconds(each.lag_seconds),
                    _count(each.dead),
                    _count(each.parked),
                )
        console.print(logs)
        console.print(cursors)

    return status


def events_group(contexts: Sequence[BoundedContext]) -> click.Group:
    sources = [context.name for context in contexts]
    group = click.Group("events", help="The event logs.")

    @group.command("tail")
    @click.option(
        "--source",
        "chosen",
        type=click.Choice(sources),
        multiple=True,
        help="Only this log; may be given again. [default: all]",
    )
    @click.option(
        "--from",
        "first",
        type=click.IntRange(1),
        help="Begin at this position. [default: the last ten events]",
    )
    @click.option("--no-follow", is_flag=True, help="Stop at the end of the log.")
    @click.option("--json", "as_json", is_flag=True, help="CloudEvents, a line each.")
    def tail(
        chosen: Sequence[str], first: int | None, no_follow: bool, as_json: bool
    ) -> None:
        """Follow the logs live, a line for each event. Ctrl-C ends it.

        \b
        Example:
          flask --app app events tail --source inventory --from 1
        """  # noqa: D301 - click takes \b as a character
        logs = [c.log for c in contexts if not chosen or c.name in chosen]
        places = {
            log.source: max(0, log.head() - 10) if first is None else first - 1
            for log in logs
        }
        show = _as_json if as_json else _as_line
        pause = threading.Event()
        try:
            while True:
                seen = 0
                for log in logs:
                    for envelope in log.read(places[log.source], BATCH):
                        click.echo(show(envelope))
                        places[log.source] = envelope.position
                        seen += 1
                if not seen:
                    if no_follow:
                        return
                    pause.wait(LOOK_S)
        except KeyboardInterrupt:
            return

    return group


def _as_json(envelope: Envelope) -> str:
    return to_structured(envelope).decode()


def _as_line(envelope: Envelope) -> str:
    data = json.dumps(json.loads(envelope.data), ensure_ascii=False)
    if len(data) > SHOWN_CHARACTERS:
        data = data[: SHOWN_CHARACTERS - 1] + "…"
    at = envelope.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (
        f"{at}  {envelope.source:<9} {envelope.position:>8}  "
        f"{envelope.type:<22} {envelope.key}  {data}"
    )


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _seconds(number: float | None) -> str:
    return "unknown" if number is None else f"{number:.1f} s"
