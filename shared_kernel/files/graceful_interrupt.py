"""Ctrl-C as a request to stop at the next safe point."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

import attrs

EXIT_CODE = 128 + signal.SIGINT


@attrs.define
class GracefulInterrupt:
    asked: bool = False


@contextlib.contextmanager
def graceful_interrupt() -> Iterator[GracefulInterrupt]:
    """The first Ctrl-C requests a stop; the second one interrupts at once."""
    interrupt = GracefulInterrupt()

    def ask(signum: int, frame: FrameType | None) -> None:
        interrupt.asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
