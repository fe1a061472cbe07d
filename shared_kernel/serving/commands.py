"""The commands of the command line: those of the contexts, and those they share.

Imported only at the command line: a server starts sooner without it.
"""

import click

from shared_kernel.doors.scopes import scopes_of
from shared_kernel.operations.compact_cli import compact_command
from shared_kernel.operations.context_map_cli import (
    context_map_command,
    impact_command,
)
from shared_kernel.operations.database_cli import database_group
from shared_kernel.operations.dead_letters_cli import dead_letters_group
from shared_kernel.operations.events_cli import events_group
from shared_kernel.operations.identity_cli import (
    new_identity_command,
    new_key_command,
    subscriptions_group,
)
from shared_kernel.operations.new_context_cli import new_context_command
from shared_kernel.operations.operations_cli import status_command
from shared_kernel.operations.queues_cli import queues_group
from shared_kernel.operations.schemas_cli import schemas_group
from shared_kernel.operations.tokens_cli import tokens_group
from shared_kernel.operations.worker_cli import worker_command
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import others_of


def add_commands(cli: click.Group, storehouse: RunningServices) -> None:
    """Add the commands of `storehouse`. Starts nothing."""
    settings, clock = storehouse.runtime.settings, storehouse.runtime.clock
    others = others_of(storehouse)
    for service in storehouse.services:
        _add_commands(cli, service.cli)
    cli.add_command(status_command(storehouse.services, clock, others))
    events = events_group(storehouse.feeds)
    events.add_command(
        compact_command(
            storehouse.services,
            clock,
            settings.history_days,
            others,
        )
    )
    events.add_command(new_key_command(storehouse.services))
    events.add_command(new_identity_command(storehouse.services))
    cli.add_command(events)
    cli.add_command(subscriptions_group(storehouse.services))
    cli.add_command(
        database_group(
            [
                *[each for service in storehouse.services for each in service.schemas],
                *([storehouse.access] if settings.asks_for_tokens else []),
            ]
        )
    )
    cli.add_command(dead_letters_group(storehouse.services, others))
    cli.add_command(queues_group(storehouse.queues, clock))
    known = scopes_of(context.name for context in settings.contexts)
    cli.add_command(tokens_group(lambda: storehouse.tokens, known, clock))
    cli.add_command(worker_command(storehouse))
    cli.add_command(context_map_command(settings.contexts))
    cli.add_command(impact_command(settings.contexts))
    cli.add_command(schemas_group(settings.contexts))
    cli.add_command(new_context_command(settings.contexts))


def _add_commands(cli: click.Group, group: click.Group) -> None:
    """Services of one context share a group."""
    there = cli.commands.get(group.name or "")
    if isinstance(there, click.Group):
        there.commands.update(group.commands)
    elif group.name:
        cli.add_command(group)
