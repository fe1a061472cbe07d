"""Log compaction at the command line."""

from collections.abc import Sequence

import click
from rich.console import Console

from shared_kernel.clock import Clock, to_us
from shared_kernel.events.compaction import Compaction
from shared_kernel.files.graceful_interrupt import EXIT_CODE
from shared_kernel.files.progress import ProgressBar
from shared_kernel.operations.other_processes import OtherProcesses
from shared_kernel.operations.readers import PATH, Readers, readers_of
from shared_kernel.operations.terminal import storage_faults_reported
from shared_kernel.runtime.service import Service, WritingService

DAY_US = 24 * 3600 * 1_000_000


def compact_command(
    services: Sequence[Service],
    clock: Clock,
    history_days: int,
    others: OtherProcesses | None = None,
) -> click.Command:
    """Compacts the logs of `services`, up to where their subscriptions have read.

    So have those of the `others`, as far as they can be asked.
    """
    asked = others or OtherProcesses()
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

        Nothing is deleted that the relay has not published, that a subscription has yet
        to read, or that belongs to a key with dead letters or discarded events. The
        other processes of the shop are asked for theirs. One that cannot be asked is
        named: for that one --keep-days is the guarantee, and it must have no dead
        letters and discarded events.

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
                    _compact(service, services, asked, since_us, rehearsal=dry_run)
        except KeyboardInterrupt:
            click.echo("Interrupted. The logs are in order; run it again.", err=True)
            context.exit(EXIT_CODE)

    return compact


def _all_readers(
    services: Sequence[Service], others: OtherProcesses, source: str
) -> list[Readers]:
    """Of all processes; tells of those that could not be asked."""
    answers = others.find(f"{PATH}/{source}", Readers)
    for each in answers.not_asked:
        click.echo(
            f"{each.service} could not be asked what it still needs: {each.why}",
            err=True,
        )
    return [readers_of(services, source), *answers.documents]


def _last_to_acknowledge(
    service: WritingService, readers: Sequence[Readers]
) -> tuple[int, str]:
    """Up to which position all have published and read the log, and the slowest."""
    published = service.relay.published(), service.relay.name
    read = [(at, name) for each in readers for name, at in each.read.items()]
    return min([published, *read])


def _compact(
    service: WritingService,
    services: Sequence[Service],
    others: OtherProcesses,
    since_us: int | None,
    *,
    rehearsal: bool,
) -> None:
    log = service.log
    readers = _all_readers(services, others, log.source)
    acknowledged, by = _last_to_acknowledge(service, readers)
    compaction = Compaction(
        log,
        acknowledged,
        service.dated,
        since_us=since_us,
        spared={key for each in readers for key in each.keys},
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
