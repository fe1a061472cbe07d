"""Serves the application, or prints why it cannot start.

Imported only to serve: other commands start sooner without the server.
"""

import gc
import sys
from functools import partial
from typing import NoReturn

import click
from flask import Flask

from shared_kernel.buses.port import BusMisconfiguredError
from shared_kernel.clock import Clock, system_clock
from shared_kernel.runtime.running import RunningServices
from shared_kernel.runtime.settings import Settings
from shared_kernel.serving.application import uploads_of, web_application
from shared_kernel.serving.arriving_bodies import BodyLimits
from shared_kernel.serving.server import AddressUnavailableError, Worker, serve
from shared_kernel.serving.starting import (
    Assemble,
    CannotStart,
    CannotStartYet,
    assembled,
    of_environment,
)
from shared_kernel.storage.errors import ConnectionLostError, StorageUnavailableError
from shared_kernel.storage.served_files import DatabaseInUseError, ServedFiles
from shared_kernel.web.bodies import MAX_BODY_BYTES
from shared_kernel.web.known_hosts import is_loopback
from shared_kernel.web.peers import StrangePeerError


def serve_until_told(
    assemble: Assemble, kind: type[Settings], clock: Clock = system_clock
) -> None:
    """Serve until told to stop. Exit code 2 if it cannot start."""
    try:
        settings = of_environment(kind)
        _refuse_an_open_door(settings)
        serve(
            partial(_build, assemble, settings, clock),
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            threads=settings.threads,
            limits=BodyLimits(
                most_bytes=MAX_BODY_BYTES, timeout_s=settings.body_timeout_s
            ),
            named=_named(settings),
        )
    except (CannotStart, AddressUnavailableError) as error:
        _give_up(error)
    except KeyboardInterrupt:
        sys.exit(130)


def _refuse_an_open_door(settings: Settings) -> None:
    """Strangers give no orders. Raises CannotStart."""
    if settings.auth is None and not is_loopback(settings.host):
        raise CannotStart(
            f"HOST is {settings.host}, which others can reach, and AUTH is not set: "
            "they could give orders. Ask for tokens:\n"
            "  AUTH=tokens\n"
            "  flask --app app tokens create --name NAME --scope SCOPE,SCOPE\n"
            "or, where a proxy decides who comes in: AUTH=none"
        )


def _named(settings: Settings) -> str:
    if settings.runs_everything:
        return "Storehouse"
    return f"Storehouse ({', '.join(sorted(settings.services))})"


def _check_before_serving(storehouse: RunningServices) -> ServedFiles:
    """What a server does before it serves, and a command does not.

    Raises CannotStart.
    """
    settings, files = storehouse.runtime.settings, ServedFiles()
    databases = [each for service in storehouse.services for each in service.databases]
    try:
        if settings.asks_for_tokens:
            storehouse.access.database.open()
        for database in databases:
            database.open()
        files.claim(databases, several=settings.copies == "several")
        storehouse.runtime.bus.open()
        for service, peer in storehouse.peers.items():
            peer.expect(service)
    except ConnectionLostError as error:
        storehouse.stop()
        raise CannotStartYet(str(error)) from error
    except (
        StorageUnavailableError,
        DatabaseInUseError,
        BusMisconfiguredError,
        StrangePeerError,
    ) as error:
        files.release()
        storehouse.stop()
        raise CannotStart(str(error)) from error
    return files


def _build(
    assemble: Assemble, settings: Settings, clock: Clock, worker: Worker
) -> Flask:
    """In the serving process: the databases are opened here, and closed at its end."""
    try:
        storehouse = assembled(assemble, settings, clock)
        files = _check_before_serving(storehouse)
    except CannotStart as error:
        _give_up(error)
    app = web_application(storehouse)
    # Objects made at the start stay: the garbage collector need not scan them again.
    gc.collect()
    gc.freeze()
    worker.uploads.update(uploads_of(app))
    worker.on_stop(storehouse.ask_to_stop)
    worker.on_exit(files.release)
    worker.on_exit(storehouse.stop)
    storehouse.start()
    return app


def _give_up(why: CannotStart | AddressUnavailableError) -> NoReturn:
    click.echo(f"Storehouse cannot start: {why}", err=True)
    sys.exit(why.exit_code if isinstance(why, CannotStart) else 2)
