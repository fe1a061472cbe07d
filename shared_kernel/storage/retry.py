"""Retries transient faults until a deadline: as long as a client would wait."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import stamina

T = TypeVar("T")
IsTransient = Callable[[Exception], bool]

RETRIES: Mapping[str, float] = {
    "timeout": 3.0,
    "wait_initial": 0.002,
    "wait_max": 0.25,
    "wait_jitter": 0.01,
}
"""How long and how often to retry, for example while a server restarts."""


def retried(do: Callable[[], T], is_transient: IsTransient) -> T:
    """Return the result of `do`; at the deadline, raise its last exception.

    `is_transient` says of each error whether a retry may help.
    """
    # Nearly all calls succeed at once: these skip the overhead of stamina.
    try:
        return do()
    except Exception as error:
        if not is_transient(error):
            raise
    return stamina.RetryingCaller(attempts=None, **RETRIES)(is_transient, do)
