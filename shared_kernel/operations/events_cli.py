"""The event logs at the command line."""

import heapq
import threading
from collections.abc import Iterator, Sequence

import click

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.cloud_events import to_structured
from shared_kernel.events.event_log import EventFeed
from shared_kernel.operations.terminal import on_one_line, storage_faults_reported

LOOK_S = 0.2
BATCH = 500
LAST = 10
SHOWN_CHARACTERS = 200


def events_group(feeds: Sequence[EventFeed]) -> click.Group:
    """Commands for the logs of `feeds`, in this process or in others."""
    sources = [feed.source for feed in feeds]
    group = click.Group("events", help="The event logs.")

    @group.command("tail")
    @click.option(
        "--source",
        "chosen",
        type=click.Choice(sources),
        multiple=True,
        help="Only this log; may be given again.  [default: all]",
    )
    @click.option(
        "--from",
        "first",
        type=click.IntRange(1, 2**62),
        help=f"Begin at this position.  [default: the last {LAST} events]",
    )
    @click.option("--no-follow", is_flag=True, help="Stop at the end of the log.")
    @click.option("--json", "as_json", is_flag=True, help="CloudEvents, a line each.")
    def tail(
        chosen: Sequence[str], first: int | None, no_follow: bool, as_json: bool
    ) -> None:
        """Follow the logs live, a line for each event. Ctrl-C ends it.

        A line has the time (UTC), the log, the position there, the type, the key, and
        the beginning of the payload.

        \b
        Examples:
          flask --app app events tail --source SOURCE --from 1
          flask --app app events tail --no-follow --json | jq .data
        """  # noqa: D301 - click takes \b as a character
        logs = [feed for feed in feeds if feed.source in chosen or not chosen]
        show = _as_json if as_json else _as_line
        try:
            with storage_faults_reported():
                for envelope in follow(logs, first, ends=no_follow):
                    click.echo(show(envelope))
        except KeyboardInterrupt:
            return

    return group


def follow(
    feeds: Sequence[EventFeed], first: int | None, *, ends: bool
) -> Iterator[Envelope]:
    """The events of all `feeds` from position `first`, in order of time; then new ones.

    Without `first`, it begins a few events before the end; with `ends`, it stops there.
    """
    places = {
        feed.source: max(0, feed.head() - LAST) if first is None else first - 1
        for feed in feeds
    }
    pause = threading.Event()
    while True:
        backlog = [_behind(feed, places[feed.source]) for feed in feeds]
        for envelope in heapq.merge(*backlog, key=lambda each: each.time_us):
            places[envelope.source] = envelope.position
            yield envelope
        if ends:
            return
        pause.wait(LOOK_S)


def _behind(feed: EventFeed, position: int) -> Iterator[Envelope]:
    while batch := feed.read(position, BATCH):
        yield from batch
        position = batch[-1].position


def _as_json(envelope: Envelope) -> str:
    return to_structured(envelope).decode()


def _as_line(envelope: Envelope) -> str:
    data = on_one_line(envelope.data.decode(errors="replace"))
    if len(data) > SHOWN_CHARACTERS:
        data = data[: SHOWN_CHARACTERS - 1] + "…"
    at = envelope.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (
        f"{at}  {envelope.source:<9} {envelope.position:>8}  "
        f"{envelope.type:<22} {envelope.key}  {data}"
    )
