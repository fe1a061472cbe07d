"""The composition root: the only place that knows all contexts."""

import gc

# What imports create stays: searching all of it for garbage, again and again, took an
# eighth of the start. Each object is looked at once, since attrs makes classes twice.
SEARCHED = gc.get_threshold()
gc.set_threshold(10_000, 1_000_000)

from functools import partial

from flask import Flask

from catalog.bootstrap import CONTEXT as CATALOG
from catalog.bootstrap import STOCK_LEVELS
from inventory.bootstrap import CONTEXT as INVENTORY
from inventory.bootstrap import stock_levels
from shared_kernel.runtime.composition import compose
from shared_kernel.runtime.context import Join
from shared_kernel.runtime.settings import Settings as AnySettings
from shared_kernel.runtime.settings import settings_of
from shared_kernel.serving.command_line import command_line
from shared_kernel.serving.starting import flask_application, of_environment

SUMMARY = "A product catalog and its stock."
CONTEXTS = (
    CATALOG,
    INVENTORY,
)
JOINS = (Join(STOCK_LEVELS, stock_levels),)

Settings = settings_of(CONTEXTS)
assemble = partial(compose, joins=JOINS, summary=SUMMARY)


def create_app(settings: AnySettings | None = None) -> Flask:
    """The web application and its commands; `flask --app app` finds it by this name."""
    return flask_application(assemble, settings or of_environment(Settings))


def main() -> None:
    """Serve until stopped. Exit code 2 if it cannot start."""
    from shared_kernel.serving.serving_until_told import (  # noqa: PLC0415 - see there
        serve_until_told,
    )

    serve_until_told(assemble, Settings)


cli = command_line(create_app, main, SUMMARY)
"""The command `storehouse`: the same subcommands, and `storehouse serve`."""

# What exists now is never searched.
gc.freeze()
gc.set_threshold(*SEARCHED)

if __name__ == "__main__":
    main()
