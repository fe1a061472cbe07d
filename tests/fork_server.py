"""Starts processes as forks of one that has imported the application already.

Or another module, such as that of a server.

    process = fork_server().start(["app"], folder, environment, log)

A start takes a second of CPU time for imports, a fork nearly none, and the tests start
hundreds of processes. A fork is what `python -m app` is after its imports: it has its
own session, environment, folder and output, and runs the module as `__main__`.
"""

import atexit
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import attrs

ROOT = Path(__file__).parent.parent
_MOST_BYTES = 1_000_000
IMPORTED_LATE = (
    "shared_kernel.serving.serving_until_told",
    "shared_kernel.operations.metrics",
    "shared_kernel.storage.postgresql",
    "shared_kernel.web.connections",
    "shared_kernel.runtime.nats_by_url",
    "shared_kernel.runtime.redis_by_url",
)
"""By most forks, as they need it: 0.2 s each. None of it starts a thread."""


@attrs.define(eq=False)
class Forked:
    """A process; the methods are those of `subprocess.Popen`.

    Its exit code comes over `_ended`, since it is a child of the fork server.
    """

    pid: int
    _ended: socket.socket
    _exit_code: int | None = None

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        return self._exit_code if self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout or 0)
        assert self._exit_code is not None
        return self._exit_code

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def _has_ended(self, timeout: float | None) -> bool:
        if self._exit_code is None and select.select([self._ended], [], [], timeout)[0]:
            self._exit_code = int(self._ended.recv(100))
            self._ended.close()
        return self._exit_code is not None


class ForkServer:
    """Has imported `modules`. Ends with the process that made it. Thread-safe."""

    def __init__(self, *modules: str) -> None:
        self._orders, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.fork_server",
                    str(theirs.fileno()),
                    *modules,
                ],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C is for the tests, which end it.
                start_new_session=True,
            )
        atexit.register(self.close)

    def start(
        self,
        program: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        log: int,
    ) -> Forked:
        """`program` is a module and its arguments; `log` is an open file."""
        ended, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        order = [list(program), str(folder), dict(environment)]
        with theirs:
            message = json.dumps(order).encode()
            socket.send_fds(self._orders, [message], [theirs.fileno(), log])
        return Forked(int(ended.recv(100)), ended)

    def close(self) -> None:
        self._orders.close()
        self._server.wait()


@cache
def fork_server(module: str = "app") -> ForkServer:
    """One for each module, for all tests of this process."""
    return ForkServer(module, *(IMPORTED_LATE if module == "app" else ()))


def _serve(orders: socket.socket) -> Sequence[str] | None:
    """Fork for each order, and tell how each fork ended.

    Returns in each fork, with the program that it is to run; without one at the end.
    """
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    forks: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([orders, woken], [], [])
        if woken in ready:
            woken.recv(1000)
            _tell_of_the_ended(forks)
        if orders not in ready:
            continue
        message, files, _, _ = socket.recv_fds(orders, _MOST_BYTES, 2)
        if not message:
            return None
        order = json.loads(message)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in (orders, woken, wake, *forks.values()):
                each.close()
            return _become(order, *files)
        os.close(files[1])
        forks[pid] = socket.socket(fileno=files[0])
        forks[pid].send(str(pid).encode())


def _tell_of_the_ended(forks: dict[int, socket.socket]) -> None:
    while forks:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with forks.pop(pid) as ended:
            # The process that started it may be gone.
            if select.select([], [ended], [], 0)[1]:
                ended.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(
    order: tuple[Sequence[str], str, Mapping[str, str]], ended: int, log: int
) -> Sequence[str]:
    program, folder, environment = order
    os.setsid()
    os.close(ended)
    for output in (1, 2):
        os.dup2(log, output)
    os.close(log)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return program


def _main() -> None:
    # So that the forks have imported them.
    for module in sys.argv[2:]:
        importlib.import_module(module)

    with closing(socket.socket(fileno=int(sys.argv[1]))) as orders:
        program = _serve(orders)
    if program is not None:
        module, *arguments = program
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
