"""Creates the application from settings, or says why it cannot start."""

import os
from typing import Protocol

import click
from flask import Flask

from shared_kernel.buses.port import BusMisconfiguredError
from shared_kernel.clock import Clock, system_clock
from shared_kernel.queues.port import QueueMisconfiguredError
from shared_kernel.runtime.logs import set_up_logs
from shared_kernel.runtime.running import RunningServices
from shared_kernel.runtime.setting import BadSettingError
from shared_kernel.runtime.settings import Settings
from shared_kernel.serving.application import web_application
from shared_kernel.storage.errors import StorageUnavailableError


class Assemble(Protocol):
    """The composition root. Starts nothing.

    Raises StorageUnavailableError and BusMisconfiguredError.
    """

    def __call__(self, settings: Settings, *, clock: Clock) -> RunningServices: ...


class CannotStart(click.ClickException):
    """The settings or the machine must be fixed first. The message says how."""

    exit_code = 2


class CannotStartYet(CannotStart):
    """Transient: a database server is unreachable. A later start may succeed."""

    exit_code = 1


def flask_application(assemble: Assemble, settings: Settings) -> Flask:
    """The Flask application of the assembled services.

    The workers start with the first request, in the process that serves it. Raises
    CannotStart.
    """
    from shared_kernel.serving.commands import (  # noqa: PLC0415 - see there
        add_commands,
    )

    storehouse = assembled(assemble, settings)
    app = web_application(storehouse)
    add_commands(app.cli, storehouse)
    app.before_request(storehouse.start)
    return app


def of_environment(kind: type[Settings]) -> Settings:
    """Raises CannotStart."""
    try:
        return kind.from_environment(os.environ)
    except BadSettingError as error:
        raise CannotStart(str(error)) from error


def assembled(
    assemble: Assemble, settings: Settings, clock: Clock = system_clock
) -> RunningServices:
    set_up_logs(settings.log_level, settings.log_format)
    try:
        storehouse = assemble(settings, clock=clock)
        if settings.asks_for_tokens:
            storehouse.access.prepare()
        return storehouse
    except (
        StorageUnavailableError,
        BusMisconfiguredError,
        QueueMisconfiguredError,
    ) as error:
        raise CannotStart(str(error)) from error
