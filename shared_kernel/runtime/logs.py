"""Structured logs on stderr: a constant message, data beside it."""

import logging
import re
import sys
from collections.abc import MutableMapping
from io import StringIO
from typing import Any, TextIO

import stamina.instrumentation
import structlog

_STEERS_A_TERMINAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


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
    # Each attempt to reach a process or a database would be a line; what came of it is.
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
    """What a stranger sent is told, and does nothing to the terminal it is read on."""
    return _STEERS_A_TERMINAL.sub(lambda found: repr(found[0])[1:-1], text)


def _escaped_values(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _escaped(value)
    return event


def _traceback(told: TextIO, error: structlog.typing.ExcInfo) -> None:
    plain = StringIO()
    structlog.dev.plain_traceback(plain, error)
    told.write(_escaped(plain.getvalue()))
