"""Processes that a test starts, and that end with it."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def killed_after(process: subprocess.Popen[Any], seconds: float) -> Iterator[None]:
    """Always end the process, also after a timeout: so its output has an end."""
    deadline = threading.Timer(seconds, process.kill)
    deadline.start()
    try:
        yield
    finally:
        deadline.cancel()
        process.kill()
