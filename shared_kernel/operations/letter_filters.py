"""Chooses dead letters: options of commands, parameters of requests."""

import functools
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import attrs
import click

from shared_kernel.clock import from_us, rfc3339, to_us
from shared_kernel.dead_letters.letter import DEAD, PARKED
from shared_kernel.dead_letters.selection import Selection
from shared_kernel.web.parameters import Parameter, fault_of, invalid

A_MOMENT = "a day or a moment, such as 2026-03-01 or 2026-03-01T12:00:00Z"
A_CAUSE = "8 hexadecimal digits, as `causes` tells them"
CAUSE_PATTERN = "[0-9a-f]{8}"

C = TypeVar("C", bound=Callable[..., Any])


def read_moment(text: str) -> int:
    """In microseconds; a moment without an offset is in UTC. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
        return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError(A_MOMENT) from None


def read_cause(text: str) -> str:
    """Raises ValueError."""
    if re.fullmatch(CAUSE_PATTERN, text):
        return text
    raise ValueError(A_CAUSE)


class _Read(click.ParamType[Any]):
    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(f"{value!r}; expected {error}", param, ctx)


_OPTIONS = (
    click.option("--subscription", help="Only those of this subscription or queue."),
    click.option("--type", help="Only events of this type."),
    click.option("--key", help="Only those of this key, such as a SKU."),
    click.option(
        "--since",
        "since_us",
        type=_Read("moment", read_moment),
        help="Only those that failed last, or were parked, then or later.",
    ),
    click.option(
        "--cause",
        type=_Read("cause", read_cause),
        help="Only those that failed so; `causes` has the names.",
    ),
)
_STATE = click.option(
    "--state", type=click.Choice([DEAD, PARKED]), help="Only those in this state."
)


def filter_options(command: C) -> C:
    """Options that choose letters; `command` gets them as `selection`."""
    return _selecting(command, _OPTIONS)


def filter_options_with_state(command: C) -> C:
    """The same and `--state`."""
    return _selecting(command, (*_OPTIONS, _STATE))


def _selecting(command: C, options: Any) -> C:
    names = [field.name for field in attrs.fields(Selection)]

    @functools.wraps(command)
    def selecting(**given: Any) -> Any:
        chosen = {name: given.pop(name, None) for name in names}
        return command(selection=Selection(**chosen), **given)

    for option in reversed(options):
        option(selecting)
    return selecting  # type: ignore[return-value] # a command is a function of options


def _text(name: str, description: str, example: str) -> Parameter:
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "examples": [example]}
    return Parameter(name=name, description=description, schema=schema)


FILTERS = (
    _text("subscription", "Of this subscription or queue.", "shop.listing"),
    _text("type", "Events of this type.", "lamp.lit"),
    _text("key", "Of this key, such as a SKU.", "LAMP-0001"),
    Parameter(
        name="since",
        description="Those that failed last, or were parked, then or later.",
        schema={
            "type": "string",
            "minLength": 10,
            "maxLength": 35,
            "format": "date-time",
        },
    ),
    Parameter(
        name="cause",
        description="Those that failed so; `GET /dead-letters/causes` has the names.",
        schema={
            "type": "string",
            "minLength": 8,
            "maxLength": 8,
            "pattern": f"^{CAUSE_PATTERN}$",
            "examples": ["3f2a91c0"],
        },
    ),
    Parameter(
        name="state",
        description="`dead` ones failed themselves, `parked` ones wait behind one.",
        schema={"type": "string", "enum": [DEAD, PARKED]},
    ),
)


def selection_of(asked: Mapping[str, Any]) -> Selection:
    """Of the parameters FILTERS, where given. Raises Problem."""
    faults = []
    read: dict[str, Any] = {}
    for name, reading in (("since", read_moment), ("cause", read_cause)):
        if asked.get(name) is not None:
            try:
                read[name] = reading(asked[name])
            except ValueError as error:
                faults.append(fault_of(name, f"expected {error}"))
    if faults:
        raise invalid(faults)
    return Selection(
        subscription=asked.get("subscription"),
        type=asked.get("type"),
        key=asked.get("key"),
        since_us=read.get("since"),
        cause=read.get("cause"),
        state=asked.get("state"),
    )


def parameters_of(selection: Selection) -> dict[str, str]:
    """The parameters that `selection_of` reads as `selection`."""
    given = attrs.asdict(selection)
    since_us = given.pop("since_us")
    since = None if since_us is None else rfc3339(from_us(since_us))
    return {name: value for name, value in {**given, "since": since}.items() if value}
