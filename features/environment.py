"""One Storehouse for each scenario: through the handlers, or `-D through=http`."""

from typing import Any

from features.drivers.databases import NewDatabases
from features.drivers.handlers import HandlersDriver
from features.drivers.http import HttpDriver
from features.drivers.server import Server


def before_all(context: Any) -> None:
    through = context.config.userdata.get("through", "handlers")
    if through not in ("handlers", "http"):
        raise ValueError(f"-D through={through}: expected handlers or http")
    context.shared = Server() if through == "http" else NewDatabases()
    context.way = HttpDriver if through == "http" else HandlersDriver


def before_scenario(context: Any, _: Any) -> None:
    context.driver = context.way(context.shared)
    context.refusals = {}
    context.seen = {}
    context.before = None


def before_step(context: Any, step: Any) -> None:
    if step.step_type == "when" and context.before is None:
        context.driver.settle()
        context.before = {
            source: len(context.driver.events(source, 0))
            for source in ("catalog", "inventory")
        }


def after_step(context: Any, step: Any) -> None:
    if step.step_type == "given":
        assert not context.refusals, f"refused: {context.refusals}"


def after_scenario(context: Any, scenario: Any) -> None:
    context.driver.close()
    if scenario.status.name == "passed":
        assert not context.refusals, f"nobody speaks of: {context.refusals}"


def after_all(context: Any) -> None:
    context.shared.close()
