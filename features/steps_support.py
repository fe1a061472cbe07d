"""Shared by steps: commands that may be refused, and queries of the logs."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from features.drivers.port import Happened, Refused

SOMEBODY = "somebody"
ROOT = Path(__file__).parents[1]


def attempt(context: Any, command: Callable[[], None], who: str = SOMEBODY) -> None:
    """Run the command; keep a refusal for the Then step that must check it."""
    try:
        command()
    except Refused as refused:
        context.refusals[who] = refused


def refusal(context: Any, slug: str, who: str = SOMEBODY) -> dict[str, Any]:
    """The fields of the refusal, whose slug must be `slug`."""
    refused = context.refusals.pop(who, None)
    assert refused is not None, f"{who} was not refused"
    assert refused.slug == slug, str(refused)
    return dict(refused.details)


def recorded(context: Any, source: str, sku: str) -> list[Happened]:
    """The events of `sku` since the first When step of the example."""
    after = context.before[source]
    return [each for each in context.driver.events(source, after) if each.sku == sku]


def announced(context: Any, sku: str, what: str) -> bool:
    return any(
        each.type == f"stock.{what}" for each in recorded(context, "inventory", sku)
    )


def holds(context: Any, order: str, sku: str) -> int:
    """The pieces reserved for `order`, according to the log."""
    held = 0
    for event in context.driver.events("inventory", 0):
        if event.sku != sku:
            continue
        if event.data.get("order") == order:
            held = _held_after(event, held)
        for released in event.data.get("released", ()):
            if released["order"] == order:
                held -= released["pieces"]
    return held


def _held_after(event: Happened, before: int) -> int:
    match event.type:
        case "stock.reserved" | "stock.reservation_changed":
            return int(event.data["pieces"])
        case "stock.shipped":
            return int(event.data["still_held"])
        case "stock.returned":
            return before
        case _:
            return 0


def dead_letter(context: Any, sku: str) -> dict[str, Any]:
    """The only dead letter of `sku`; others may be parked behind it."""
    found = [each for each in context.driver.letters(sku) if each["state"] == "dead"]
    (letter,) = found
    return dict(letter)


def flask_command(context: Any, service: str, *arguments: str) -> str:
    """What a command prints that runs in a process of its own, beside `service`."""
    return run_flask(context.driver.environment_of(service), *arguments)


def run_flask(environment: Mapping[str, str], *arguments: str) -> str:
    """What a command prints that runs in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
