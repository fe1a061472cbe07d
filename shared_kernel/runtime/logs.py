"""Structured logs on stderr: a constant message, data beside it."""

import logging
import re
import sys
from collections.abc import MutableMapping
from io import StringIO
from typing import Any, TextIO

import stamina.instrumentation
import structlog

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def set_up_logs(level: str, form: str) -> None:
    """`level` as in `logging`; `form` is `console`, for people, or `json`."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=_traceback,
        )
    )
    # Without a line for each attempt to reach a process or a database: only the outcome
    # is logged.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    stamina.instrumentation.set_on_retry_hooks([])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks if form == "json" else _escaped_values,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _escaped(text: str) -> str:
    """Escapes control characters, which foreign text could send to a terminal."""
    return _CONTROL_CHARACTERS.sub(lambda found: repr(found[0])[1:-1], text)


def _escaped_values(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _escaped(value)
    return event


def _traceback(output: TextIO, error: structlog.typing.ExcInfo) -> None:
    plain = StringIO()
    structlog.dev.plain_traceback(plain, error)
    output.write(_escaped(plain.getvalue()))
