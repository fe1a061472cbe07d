"""The Flask application: what each service serves, and what they share."""

from pathlib import Path

import click
from flask import Flask

from shared_kernel.operations.compact_cli import compact_command
from shared_kernel.operations.context_map_cli import (
    context_map_command,
    impact_command,
)
from shared_kernel.operations.database_cli import database_group
from shared_kernel.operations.dead_letters_cli import dead_letters_group
from shared_kernel.operations.events_cli import events_group
from shared_kernel.operations.events_pages import events_pages
from shared_kernel.operations.identity_cli import (
    new_identity_command,
    new_key_command,
    subscriptions_group,
)
from shared_kernel.operations.new_context_cli import new_context_command
from shared_kernel.operations.operations_cli import status_command
from shared_kernel.operations.operations_http import Operations, operations_api
from shared_kernel.operations.other_processes import OtherProcesses
from shared_kernel.operations.queues_cli import queues_group
from shared_kernel.operations.schemas_cli import schemas_group
from shared_kernel.operations.worker_cli import worker_command
from shared_kernel.runtime.running import RunningServices
from shared_kernel.web.known_hosts import serve_known_hosts, trusted_names
from shared_kernel.web.pages import pages
from shared_kernel.web.routes import set_up_web
from shared_kernel.web.uploads import Upload


def web_application(storehouse: RunningServices) -> Flask:
    """The routes and commands of `storehouse`. Starts nothing."""
    app = Flask("storehouse", root_path=str(Path(__file__).parent), static_folder=None)
    app.extensions["storehouse"] = storehouse
    set_up_web(app)
    settings = storehouse.runtime.settings
    serve_known_hosts(app, trusted_names(settings.trusted_hosts, settings.host))
    others = OtherProcesses(
        peers=storehouse.peers,
        here=[each.name for each in storehouse.services],
        declared=settings.declared_services(),
        timeout_s=settings.peer_timeout_ms / 1000,
    )
    operations = Operations(
        services=storehouse.services,
        workers=storehouse.workers,
        clock=storehouse.runtime.clock,
        progress=storehouse.runtime.progress,
        consistency_timeout_ms=storehouse.runtime.settings.consistency_timeout_ms,
        between_processes=storehouse.runtime.bus.capabilities.between_processes,
        consumes_queues=settings.consumes_queues,
        stopping=storehouse.stopping,
        long_polls=storehouse.runtime.settings.threads // 4,
        versions=storehouse.runtime.versions,
        others=others,
        dead_letters_allowed=settings.dead_letters_allowed,
        peer_token=storehouse.runtime.settings.peer_token,
    )
    served = [each for each in storehouse.services if each.name in settings.services]
    apis = [service.api for service in served]
    apis.append(operations_api(operations))
    app.extensions["uploads"] = {
        operation.rule: operation.body
        for api in apis
        for operation in api.operations
        if isinstance(operation.body, Upload)
    }
    for api in apis:
        app.register_blueprint(api.blueprint)
    app.register_blueprint(
        pages(
            apis,
            storehouse.summary,
            [service.log.source for service in storehouse.writing],
        )
    )
    app.register_blueprint(events_pages(settings.contexts, storehouse.summary))
    for service in storehouse.services:
        _add_commands(app.cli, service.cli)
    for page in [each for service in served for each in service.pages]:
        app.register_blueprint(page)
    app.cli.add_command(status_command(storehouse.services, operations.clock, others))
    events = events_group(storehouse.feeds)
    events.add_command(
        compact_command(
            storehouse.services,
            operations.clock,
            storehouse.runtime.settings.history_days,
        )
    )
    events.add_command(new_key_command(storehouse.services))
    events.add_command(new_identity_command(storehouse.services))
    app.cli.add_command(events)
    app.cli.add_command(subscriptions_group(storehouse.services))
    app.cli.add_command(
        database_group(
            [each for service in storehouse.services for each in service.schemas]
        )
    )
    app.cli.add_command(dead_letters_group(storehouse.services, others))
    app.cli.add_command(queues_group(storehouse.queues, operations.clock))
    app.cli.add_command(worker_command(storehouse))
    app.cli.add_command(context_map_command(settings.contexts))
    app.cli.add_command(impact_command(settings.contexts))
    app.cli.add_command(schemas_group(settings.contexts))
    app.cli.add_command(new_context_command(settings.contexts))
    return app


def uploads_of(app: Flask) -> dict[str, Upload]:
    """By the path to which files are sent."""
    uploads: dict[str, Upload] = app.extensions["uploads"]
    return uploads


def _add_commands(cli: click.Group, group: click.Group) -> None:
    """Services of one context share a group."""
    there = cli.commands.get(group.name or "")
    if isinstance(there, click.Group):
        there.commands.update(group.commands)
    elif group.name:
        cli.add_command(group)
