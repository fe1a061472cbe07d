"""The composition root: the only place that knows both contexts."""

import gc
import os
import random
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import attrs
import click
from flask import Flask

import catalog.bootstrap
import inventory.bootstrap
from shared_kernel.adapters.bounded_context import (
    BoundedContext,
    Surroundings,
    this_process,
)
from shared_kernel.adapters.clock import Clock, system_clock
from shared_kernel.adapters.database import StorageUnavailableError
from shared_kernel.adapters.dead_letters_cli import dead_letters_group
from shared_kernel.adapters.events_cli import events_group
from shared_kernel.adapters.logs import set_up_logs
from shared_kernel.adapters.operations_cli import status_command
from shared_kernel.adapters.operations_http import Operations, operations_api
from shared_kernel.adapters.server import AddressUnavailableError, Worker, serve
from shared_kernel.adapters.settings import BadSettingError, Settings
from shared_kernel.adapters.web.pages import pages
from shared_kernel.adapters.web.routes import set_up_web
from shared_kernel.adapters.workers import Workers
from shared_kernel.buses.by_url import bus_by_url
from shared_kernel.buses.port import EventBus


@attrs.frozen(kw_only=True)
class Storehouse:
    """The running system, without a web server around it."""

    surroundings: Surroundings
    catalog: BoundedContext
    inventory: BoundedContext
    stopping: threading.Event = attrs.field(factory=threading.Event)

    @property
    def workers(self) -> Workers:
        return self.surroundings.workers

    @property
    def contexts(self) -> tuple[BoundedContext, ...]:
        return (self.catalog, self.inventory)

    def start(self) -> None:
        """Let the workers run in the background."""
        self.workers.start()

    def stop(self) -> None:
        """Stop the workers after their step, and close bus and databases."""
        self.workers.stop()
        self.surroundings.bus.close()
        for context in self.contexts:
            context.close()


def assemble(
    settings: Settings,
    bus: EventBus | None = None,
    clock: Clock = system_clock,
    *,
    jitter: Callable[[], float] = random.random,
    holder: str | None = None,
) -> Storehouse:
    """Bring the databases up to date and plug the contexts together.

    `holder` is the name under which leases are held. Starts nothing. Raises
    StorageUnavailableError.
    """
    surroundings = Surroundings(
        settings=settings,
        bus=bus or bus_by_url(settings.bus_url),
        clock=clock,
        jitter=jitter,
        holder=holder or this_process(),
    )
    catalog_database, catalog_log = catalog.bootstrap.open_log(surroundings)
    of_inventory, settled, stock_levels = inventory.bootstrap.plug_in(
        surroundings, catalog_log
    )
    of_catalog = catalog.bootstrap.plug_in(
        surroundings,
        catalog_database,
        catalog_log,
        of_inventory.log,
        settled,
        stock_levels,
    )
    # In the order in which an event passes them.
    surroundings.workers.employ(
        (
            of_catalog.relay,
            *of_inventory.subscriptions,
            of_inventory.relay,
            *of_catalog.subscriptions,
            *of_catalog.upkeep,
            *of_inventory.upkeep,
        )
    )
    return Storehouse(
        surroundings=surroundings, catalog=of_catalog, inventory=of_inventory
    )


class CannotStart(click.ClickException):
    """The configuration or the machine is not as needed. The message says the mend."""

    exit_code = 2


def create_app(settings: Settings | None = None) -> Flask:
    """The web application and its commands; `flask --app app` finds it by this name.

    The workers start with the first request, in whatever process serves it. Raises
    CannotStart.
    """
    storehouse = _open(settings or _settings())
    app = web_application(storehouse)
    app.before_request(storehouse.start)
    return app


def web_application(storehouse: Storehouse) -> Flask:
    """Routes and commands around `storehouse`; starts nothing."""
    app = Flask("storehouse", root_path=str(Path(__file__).parent), static_folder=None)
    app.extensions["storehouse"] = storehouse
    set_up_web(app)
    operations = Operations(
        contexts=storehouse.contexts,
        workers=storehouse.workers,
        clock=storehouse.surroundings.clock,
        stopping=storehouse.stopping,
        long_polls=storehouse.surroundings.settings.threads // 4,
    )
    apis = [context.api for context in storehouse.contexts]
    apis.append(operations_api(operations))
    for api in apis:
        app.register_blueprint(api.blueprint)
    app.register_blueprint(pages([op for api in apis for op in api.operations]))
    for context in storehouse.contexts:
        app.cli.add_command(context.cli)
        for each in context.pages:
            app.register_blueprint(each)
    app.cli.add_command(status_command(storehouse.contexts, operations.clock))
    app.cli.add_command(events_group(storehouse.contexts))
    app.cli.add_command(dead_letters_group(storehouse.contexts))
    return app


def main(clock: Clock = system_clock) -> None:
    """Serve until told to stop. Exit code 2 if it cannot start."""
    try:
        settings = _settings()
        serve(
            partial(_build, settings, clock),
            host=settings.host,
            port=settings.port,
            threads=settings.threads,
        )
    except (CannotStart, AddressUnavailableError) as error:
        _give_up(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _settings() -> Settings:
    try:
        return Settings.from_environment(os.environ)
    except BadSettingError as error:
        raise CannotStart(str(error)) from error


def _open(settings: Settings, clock: Clock = system_clock) -> Storehouse:
    set_up_logs(settings.log_level, settings.log_format)
    try:
        return assemble(settings, clock=clock)
    except StorageUnavailableError as error:
        raise CannotStart(str(error)) from error


def _build(settings: Settings, clock: Clock, worker: Worker) -> Flask:
    """In the serving process: the databases are opened here, and closed at its end."""
    try:
        storehouse = _open(settings, clock)
    except CannotStart as error:
        _give_up(str(error))
    app = web_application(storehouse)
    # What there is at the start stays: the garbage collector need not look at it again.
    gc.collect()
    gc.freeze()
    worker.on_stop(storehouse.stopping.set)
    worker.on_exit(storehouse.stop)
    storehouse.start()
    return app


def _give_up(why: str) -> NoReturn:
    click.echo(f"Storehouse cannot start: {why}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
