"""Log compaction at the command line."""

from collections.abc import Sequence

import click
from rich.console import Console

from shared_kernel.clock import Clock, to_us
from shared_kernel.dead_letters import discarded
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.events.compaction import Compaction
from shared_kernel.events.subscription import Subscription
from shared_kernel.files.graceful_interrupt import EXIT_CODE
from shared_kernel.files.progress import ProgressBar
from shared_kernel.operations.terminal import storage_faults_reported
from shared_kernel.runtime.service import Service, WritingService

DAY_US = 24 * 3600 * 1_000_000


def compact_command(
    services: Sequence[Service], clock: Clock, history_days: int
) -> click.Command:
    """Compacts the logs of `services`, up to where their subscriptions have read."""
    writing = [each for each in services if isinstance(each, WritingService)]

    @click.command("compact")
    @click.option(
        "--source",
        "chosen",
        type=click.Choice([each.log.source for each in writing]),
        multiple=True,
        help="Only this log; may be given again.  [default: all of this process]",
    )
    @click.option(
        "--keep-days",
        type=click.IntRange(0, 36_500),
        default=history_days,
        help="Keep the events of so many days; 0 keeps only what is not "
        f"acknowledged.  [default: HISTORY_DAYS, {history_days}]",
    )
    @click.option("--dry-run", is_flag=True, help="Only count.")
    @click.pass_context
    def compact(
        context: click.Context, chosen: Sequence[str], keep_days: int, dry_run: bool
    ) -> None:
        """Delete events that later ones of the same key have superseded.

        Of each key these stay: the first event, the newest one, and those whose dates
        readers show. So read models, feeds and subscriptions reach the same state as
        before, also those that begin anew; only the history is lost. Positions are
        never reused.

        Nothing is deleted that the relay has not published, that a subscription of this
        process has yet to read, or that belongs to a key with dead letters or
        discarded events.
        Subscriptions of other processes are not known: for those --keep-days is the
        guarantee.

        A server may run meanwhile, and the command may be interrupted at any point and
        run again.

        \b
        Exit codes: 0, or 1 if a database does not answer, 130 if it was interrupted.

        \b
        Examples:
          flask --app app events compact --dry-run
          flask --app app events compact --source SOURCE --keep-days 7
        """  # noqa: D301 - click takes \b as a character
        since_us = to_us(clock()) - keep_days * DAY_US if keep_days else None
        logs = [each for each in writing if each.log.source in chosen or not chosen]
        if not logs:
            click.echo("This process has no event log.")
        try:
            with storage_faults_reported():
                for service in logs:
                    _compact(service, services, since_us, rehearsal=dry_run)
        except KeyboardInterrupt:
            click.echo("Interrupted. The logs are in order; run it again.", err=True)
            context.exit(EXIT_CODE)

    return compact


def _last_to_acknowledge(
    service: WritingService, readers: Sequence[Subscription]
) -> tuple[int, str]:
    """Up to which position all have published and read the log, and the slowest."""
    published = service.relay.published(), service.relay.name
    read = [(each.cursor.saved(), each.name) for each in readers]
    return min([published, *read])


def _keys_with_dead_letters(readers: Sequence[Subscription]) -> set[str]:
    """Of events that a rebuild does not apply: it needs the one before.

    Discarded ones are read last: a dead letter that is discarded meanwhile was seen.
    """
    keys: set[str] = set()
    for reader in readers:
        with reader.cursor.database.reading() as connection:
            keys |= dead_letters.blocked_keys(connection, reader.name, reader.source)
            keys |= discarded.keys(connection, reader.name, reader.source)
    return keys


def _compact(
    service: WritingService,
    services: Sequence[Service],
    since_us: int | None,
    *,
    rehearsal: bool,
) -> None:
    log = service.log
    readers = [
        subscription
        for each in services
        for subscription in each.subscriptions
        if subscription.source == log.source
    ]
    acknowledged, by = _last_to_acknowledge(service, readers)
    compaction = Compaction(
        log,
        acknowledged,
        service.dated,
        since_us=since_us,
        # After the cursors are read: a dead letter is stored before a cursor passes it.
        spared=_keys_with_dead_letters(readers),
        rehearsal=rehearsal,
    )
    with ProgressBar(Console(stderr=True), f"Log of {log.source}", acknowledged) as bar:
        while compaction.step():
            bar.show(compaction.position, f"{compaction.deleted:,} deleted")
    head = log.head()
    click.echo(f"{log.source}: {_outcome(compaction, head, rehearsal=rehearsal)}")
    if acknowledged < head:
        click.echo(f"{log.source}: {by} has come to position {acknowledged:,}")


def _outcome(compaction: Compaction, head: int, *, rehearsal: bool) -> str:
    if not compaction.looked_at:
        return f"nothing to compact, the log ends at position {head:,}"
    deleted = "would be deleted" if rehearsal else "deleted"
    return (
        f"looked at {compaction.looked_at:,} events up to position "
        f"{compaction.position:,} of {head:,}: {compaction.deleted:,} {deleted}, "
        f"{compaction.kept:,} kept"
    )
