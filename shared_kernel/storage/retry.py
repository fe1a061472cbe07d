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
"""How long a server that restarts is waited for, and how often it is tried."""


def retried(do: Callable[[], T], is_transient: IsTransient) -> T:
    """Answer what `do` does; raise what it raised last, when the time is up.

    `is_transient` says of each error whether a retry may help.
    """
    # What goes well at once, as nearly everything does, is spared the machinery.
    try:
        return do()
    except Exception as error:
        if not is_transient(error):
            raise
    return stamina.RetryingCaller(attempts=None, **RETRIES)(is_transient, do)
