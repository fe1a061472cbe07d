"""Trying again what may heal by itself, for as long as a client would wait."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import stamina

T = TypeVar("T")
MayHeal = Callable[[Exception], bool]

PATIENCE: Mapping[str, float] = {
    "timeout": 3.0,
    "wait_initial": 0.002,
    "wait_max": 0.25,
    "wait_jitter": 0.01,
}
"""How long a server that restarts is waited for, and how often it is tried."""


def patiently(do: Callable[[], T], may_heal: MayHeal) -> T:
    """Answer what `do` does; raise what it raised last, when the time is up.

    `may_heal` says of each error whether trying again is of use.
    """
    # What goes well at once, as nearly everything does, is spared the machinery.
    try:
        return do()
    except Exception as error:
        if not may_heal(error):
            raise
    return stamina.RetryingCaller(attempts=None, **PATIENCE)(may_heal, do)
