"""The programs of `tiny_server.py` that a test runs, and what they print."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

import attrs

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("tiny_server.py")
TIMEOUT_SECONDS = 30


@attrs.define
class TinyServer:
    process: subprocess.Popen[str]
    lines: list[str] = attrs.field(factory=list)
    _arriving: SimpleQueue[str] = attrs.field(factory=SimpleQueue)
    _reader: threading.Thread = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._arriving.put(line.rstrip())

    def reads(self, beginning: str) -> str:
        """The next line that begins with `start`."""
        while True:
            line = self._arriving.get(timeout=TIMEOUT_SECONDS)
            self.lines.append(line)
            if line.startswith(beginning):
                return line

    def url(self) -> str:
        greeting = self.reads("Storehouse serves on ")
        found = re.fullmatch(
            r"Storehouse serves on (http://127.0.0.1:\d+) \(Ctrl-C stops it\)",
            greeting,
        )
        assert found, greeting
        return found[1]

    def ends(self) -> int:
        code = self.process.wait(TIMEOUT_SECONDS)
        self._reader.join(TIMEOUT_SECONDS)
        while not self._arriving.empty():
            self.lines.append(self._arriving.get())
        return code


@contextmanager
def tiny_servers() -> Iterator[Callable[..., TinyServer]]:
    """Start the program in a process group of its own, as a terminal would."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> TinyServer:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *(arguments or ("0",))],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return TinyServer(process)

    try:
        yield start
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
