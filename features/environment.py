"""Sets up a driver for each scenario: of the handlers, or with `-D through=http`.

On the handlers each scenario has a Storehouse of its own; over HTTP all share one, on
any bus and in one process or three, as in `-D bus=nats -D layout=split`, and with
`-D queue=redis` (or jetstream, sqs, pubsub) its broker tells the workers what to do.
For both, `-D database=postgresql` starts a server and uses it instead of files. Over
HTTP, `-D history=FILE` writes the observable history.
"""

import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from features.drivers.handlers import HandlersDriver
from features.drivers.history import History
from features.drivers.http import HttpDriver
from features.drivers.server import Server
from tests.brokers import QUEUES, queue_settings
from tests.cluster import BUSES, LAYOUTS
from tests.databases import KINDS, templates
from tests.memory import keep_files_in_memory
from tests.routes import SOURCES

_ONLY_HTTP = ("bus", "layout", "queue", "history")


def before_all(context: Any) -> None:
    keep_files_in_memory()
    given = context.config.userdata
    through = _one_of(given, "through", ("handlers", "http"))
    bus, layout = _one_of(given, "bus", BUSES), _one_of(given, "layout", LAYOUTS)
    queue = _one_of(given, "queue", QUEUES)
    context.history = None
    context.resources = ExitStack()
    clean = context.resources.enter_context(
        templates(_one_of(given, "database", KINDS))
    )
    if through == "handlers":
        refused = [name for name in _ONLY_HTTP if name in given]
        if refused:
            raise ValueError(f"-D {refused[0]}=… needs -D through=http")
        context.shared = clean
        context.driver_class = HandlersDriver
        return
    folder = Path(context.resources.enter_context(TemporaryDirectory()))
    settings = context.resources.enter_context(queue_settings(queue, folder / "queue"))
    context.shared = Server(clean, bus, LAYOUTS[layout], settings)
    context.resources.callback(context.shared.close)
    context.driver_class = HttpDriver
    if "history" in given:
        context.history = History(Path(given["history"]))


def before_scenario(context: Any, _: Any) -> None:
    context.driver = context.driver_class(context.shared)
    context.refusals = {}
    context.seen = {}
    context.before = None


def before_step(context: Any, step: Any) -> None:
    if step.step_type == "when" and context.before is None:
        context.driver.settle()
        context.before = {
            source: len(context.driver.events(source, 0)) for source in SOURCES
        }


def after_step(context: Any, step: Any) -> None:
    if step.step_type == "given":
        assert not context.refusals, f"refused: {context.refusals}"


def after_scenario(context: Any, scenario: Any) -> None:
    if context.history is not None:
        name = f"{scenario.feature.name}: {scenario.name}"
        context.history.add(name, context.driver)
    context.driver.close()
    if scenario.status.name == "passed":
        assert not context.refusals, f"no Then step checks: {context.refusals}"


def after_all(context: Any) -> None:
    if "resources" not in context:
        return  # the start failed
    with context.resources:
        if "shared" not in context:
            return
        if context.history is not None:
            context.history.close(context.shared)
        if context.failed and isinstance(context.shared, Server):
            sys.stderr.write(f"{context.shared.tails()}\n")


def _one_of(given: Mapping[str, str], name: str, accepted: Iterable[str]) -> str:
    """The value of `name`, by default the first of `accepted`."""
    choices = list(accepted)
    value = given.get(name, choices[0])
    if value not in choices:
        raise ValueError(f"-D {name}={value}: expected {' or '.join(choices)}")
    return value
