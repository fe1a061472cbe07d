"""Ctrl-C as a wish to stop in good order."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

import attrs

EXIT_CODE = 128 + signal.SIGINT


@attrs.define
class Interruption:
    asked: bool = False


@contextlib.contextmanager
def noticing_interruption() -> Iterator[Interruption]:
    """The first Ctrl-C only asks; the second one interrupts at once."""
    interruption = Interruption()

    def ask(signum: int, frame: FrameType | None) -> None:
        interruption.asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)
