"""Commands for keys and identities of logs, and for readers to begin anew."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import attrs
import click
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters import discarded, edited
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.events.continuity import compare
from shared_kernel.events.cursors import begin_anew, follow_as
from shared_kernel.events.identity import change_identity, change_key
from shared_kernel.events.subscription import Subscription
from shared_kernel.operations.repair_verbs import events as told
from shared_kernel.operations.terminal import storage_faults_reported
from shared_kernel.runtime.service import Service, WritingService

NO_LOG = "This process has no event log."


def _chosen(
    services: Sequence[Service], sources: Sequence[str]
) -> list[WritingService]:
    return [
        each
        for each in services
        if isinstance(each, WritingService)
        and (each.log.source in sources or not sources)
    ]


def _source_option(services: Sequence[Service]) -> click.Option:
    known = [each.log.source for each in _chosen(services, ())]
    known += [s.source for each in services for s in each.subscriptions]
    return click.Option(
        ["--source", "sources"],
        type=click.Choice(sorted(set(known))),
        multiple=True,
        help="Only of this log; may be given again.  [default: all]",
    )


def new_key_command(services: Sequence[Service]) -> click.Command:
    @click.command("new-key")
    def new_key(sources: Sequence[str]) -> None:
        """Seal what is published from now on with a new key.

        A server may run meanwhile: its relay takes the new key within a second, and
        readers ask for it. The former key opens what was in the log before, which may
        still be on its way, and nothing else.
        """
        logs = _chosen(services, sources)
        if not logs:
            click.echo(NO_LOG)
        with storage_faults_reported():
            for service in logs:
                head = service.log.settle()
                with service.log.database.writing() as connection:
                    change_key(connection, head)
                click.echo(
                    f"{service.log.source}: has a new key; the former one opens events "
                    f"up to position {head:,}"
                )

    new_key.params.insert(0, _source_option(services))
    return new_key


def new_identity_command(services: Sequence[Service]) -> click.Command:
    @click.command("new-identity")
    def new_identity(sources: Sequence[str]) -> None:
        """Make logs that are copies logs of their own, with their readers.

        For a database made from a backup of another one that is in use, as staging
        often is. Run it as each of the copy's processes, those that have logs first:
        their logs get a new identity and a new key, and readers go on where they are.
        The processes run meanwhile, since those without a log ask the others.
        """
        with storage_faults_reported():
            for service in _chosen(services, sources):
                log = service.log
                with log.database.writing() as connection:
                    identity = change_identity(connection)
                    follow_as(connection, service.relay.name, log.source, identity)
                click.echo(f"{log.source}: is a log of its own, {identity}")
            for reader in _readers(services, sources):
                place = attrs.evolve(reader.cursor.saved_place(), log=None)
                identity = compare(place, reader.feed).log
                with reader.cursor.database.writing() as connection:
                    follow_as(connection, reader.name, reader.source, identity)
                click.echo(f"{reader.name}: follows {reader.source} as {identity}")

    new_identity.params.insert(0, _source_option(services))
    return new_identity


def subscriptions_group(services: Sequence[Service]) -> click.Group:
    group = click.Group("subscriptions", help="Who reads the event logs.")

    @group.command("begin-anew")
    @click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
    @click.option(
        "--with-discarded",
        is_flag=True,
        help="Apply also the events that were discarded.",
    )
    @click.option(
        "--as-published",
        is_flag=True,
        help="Apply events as they were published, also those that were edited.",
    )
    def begin(
        sources: Sequence[str],
        dry_run: bool,
        with_discarded: bool,
        as_published: bool,
    ) -> None:
        """Read logs again from the beginning, for whatever was applied of them.

        For a log that was cut short, has grown again since, or was replaced. A read
        model is emptied and fills again, from all sources that it reads. Decisions made
        on events stay, and are not made again. Dead letters of these readers are
        deleted; events that an operator has discarded stay so, and those that one has
        edited are applied as edited. A read model of history does not get back what a
        compaction took out of the log: back up its database first, if that matters. A
        server may run meanwhile.

        \b
        Examples:
          flask --app app subscriptions begin-anew --source SOURCE --dry-run
          flask --app app subscriptions begin-anew --source SOURCE
        """  # noqa: D301 - click takes \b as a character
        with storage_faults_reported():
            for readers in _together(services, sources):
                forgotten = _Forgotten(with_discarded, as_published)
                click.echo(_begin(readers, forgotten, rehearsal=dry_run))

    begin.params.insert(0, _source_option(services))
    return group


def _readers(
    services: Sequence[Service], sources: Sequence[str]
) -> Iterator[Subscription]:
    for service in services:
        for each in service.subscriptions:
            if each.source in sources or not sources:
                yield each


def _together(
    services: Sequence[Service], sources: Sequence[str]
) -> Iterator[list[Subscription]]:
    """All readers of the same read model, which begin anew together."""
    for service in services:
        for _, group in groupby(service.subscriptions, lambda each: each.name):
            readers = list(group)
            if not sources or any(each.source in sources for each in readers):
                if sources and not any(each.clear for each in readers):
                    readers = [each for each in readers if each.source in sources]
                yield readers


@attrs.frozen
class _Forgotten:
    """Which decisions of operators are no longer followed."""

    discarded: bool
    edited: bool


def _begin(
    readers: Iterable[Subscription], forgotten: _Forgotten, *, rehearsal: bool
) -> str:
    readers = list(readers)
    database, name = readers[0].cursor.database, readers[0].name
    places, letters, passed_over, edits = [], 0, 0, 0
    with database.writing() as connection:
        for each in readers:
            places.append(f"{each.source} from position {each.cursor.saved():,}")
            of = dead_letters.counted(connection, name, each.source)
            letters += sum(of.values())
            passed_over += discarded.count(connection, name, each.source)
            edits += edited.count(connection, name, each.source)
            if not rehearsal:
                _begin_one(connection, each, forgotten)
        if not rehearsal:
            for clear in {each.clear for each in readers if each.clear}:
                clear(connection)
    begins = "would begin anew" if rehearsal else "begins anew"
    emptied = any(each.clear for each in readers)
    return (
        f"{name}: {begins}: {', '.join(places)}; {letters:,} dead letters "
        f"{'would be ' if rehearsal else ''}let go"
        + _of(passed_over, "discarded", forgotten.discarded)
        + _of(edits, "edited", forgotten.edited)
        + (", and what it shows emptied" if emptied else "")
    )


def _begin_one(
    connection: Connection, reader: Subscription, forgotten: _Forgotten
) -> None:
    begin_anew(connection, reader.name, reader.source)
    dead_letters.let_go(connection, reader.name, reader.source)
    if forgotten.discarded:
        discarded.forget(connection, reader.name, reader.source)
    if forgotten.edited:
        edited.forget(connection, reader.name, reader.source)


def _of(events: int, what: str, forgotten: bool) -> str:
    if not events:
        return ""
    return f"; {told(events)} {'no longer' if forgotten else 'still'} {what}"
