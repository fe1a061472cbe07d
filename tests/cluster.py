"""Storehouse as real processes: one or several, joined by a bus, in one folder.

    with Cluster(tmp_path, SPLIT, "nats") as cluster:
        (port,) = cluster.ports_of("inventory")
        cluster.kill("inventory")
        cluster.restart("inventory")
        cluster.reconfigure(ONE, "inprocess")

Leaving it stops the processes gracefully and holds them to exit code 0. After a failure
it kills them, and the tails of their logs stand below the traceback.
"""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import attrs

from app import CONTEXTS, Settings
from shared_kernel.runtime.context import needed_by, services_of
from shared_kernel.runtime.settings import WORKER
from tests.brokers import BROKERED, HOST, Broker
from tests.databases import Databases, Files
from tests.forger import Forger
from tests.fork_server import Forked, fork_server
from tests.last_will import LastWill
from tests.nats_server import NatsServer
from tests.ports import free_port, is_free
from tests.tcp_proxy import TcpProxy

Layout = tuple[tuple[str, ...], ...]
"""The services of each process. A service that stands in several has replicas."""

SERVICES = tuple(Settings.all_services())
ONE: Layout = (SERVICES,)
SPLIT: Layout = tuple(
    (service.name, *([WORKER] if service.queues else []))
    for _, service in services_of(CONTEXTS)
)
LAYOUTS = {"one": ONE, "split": SPLIT}
BUSES = ("inprocess", "feed", *BROKERED)

ROOT = Path(__file__).parent.parent
PATIENCE_S = 30.0

_LOADED_AT_THE_START = "LD_PRELOAD"
"""This variable works on programs only, not on forks."""
_TAIL_LINES = 20
_SETTINGS = {field.metadata["env"] for field in attrs.fields(Settings)}
_NO_ANSWER = (OSError, http.client.HTTPException)


class CannotStartError(Exception):
    """A process has ended instead of answering."""

    def __init__(self, name: str, exit_code: int, tail: str) -> None:
        super().__init__(f"{name} has ended with exit code {exit_code}:\n{tail}")
        self.name = name
        self.exit_code = exit_code


@attrs.define(eq=False, kw_only=True)
class Process:
    """In a process group of its own, which dies with whoever started it."""

    name: str
    services: tuple[str, ...]
    port: int
    program: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    _running: "Forked | subprocess.Popen[bytes] | None" = None
    _will: "LastWill | None" = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def runs(self) -> bool:
        """It was started, and not stopped since; it may have ended by itself."""
        return self._running is not None

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._running.poll() if self._running else None

    def start(self) -> None:
        assert not self.runs, f"{self.name} runs already"
        others = {
            name: value for name, value in os.environ.items() if name not in _SETTINGS
        }
        environment = {**others, "PYTHONPATH": str(ROOT), **self.environment}
        with self.log.open("ab") as log:
            if _LOADED_AT_THE_START in environment:
                self._running = self._from_scratch(environment, log)
            else:
                self._running = fork_server().start(
                    self.program, self.folder, environment, log.fileno()
                )
        self._will = LastWill(f"kill -s KILL -- -{self._running.pid}")

    def _from_scratch(
        self, environment: Mapping[str, str], log: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", *self.program],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def wait_until_it_answers(self) -> None:
        """Raises CannotStartError."""
        wait_until(lambda: self.exit_code is not None or self.answers(), self.name)
        if self.exit_code is not None:
            raise CannotStartError(self.name, self.exit_code, self.tail())

    def answers(self, path: str = "/healthz") -> bool:
        try:
            with closing(http.client.HTTPConnection(HOST, self.port, 2)) as asking:
                asking.request("GET", path)
                return asking.getresponse().status == 200
        except _NO_ANSWER:
            return False

    def kill(self) -> None:
        """Without a word; returns when its port is free."""
        assert self._running is not None
        self._kill_group()
        self._running.wait()
        wait_until(lambda: is_free(self.port), f"the end of {self.name}")
        self._bury()

    def ask_to_stop(self) -> None:
        """SIGTERM."""
        assert self._running is not None
        self._running.terminate()

    def wait_for_end(self) -> int:
        """The exit code."""
        assert self._running is not None
        try:
            exit_code = self._running.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            error.add_note(self.tail())
            self.kill()
            raise
        # Nobody of the group outlives the one who was asked.
        self._kill_group()
        self._bury()
        return exit_code

    def tail(self) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"--- {self.log.name}", *lines])

    def _kill_group(self) -> None:
        assert self._running is not None
        with suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)

    def _bury(self) -> None:
        assert self._will is not None
        self._will.revoke()
        self._running = self._will = None


class Cluster:
    """Runs `layout`, joined by `bus`, on `databases`, or files in `folder`.

    `program` is a module and its arguments. `settings` are further variables for each
    process. `brokers`, by kind, are started when a bus needs them, and stay. With
    `proxied`, each way from a process to another stands open to a proxy:
    `proxies["inventory", "bus"]`, `proxies["inventory", "CATALOG_URL"]`.
    """

    def __init__(
        self,
        folder: Path,
        layout: Layout = ONE,
        bus: str = "inprocess",
        *,
        program: Sequence[str] = ("app",),
        settings: Mapping[str, str] | None = None,
        proxied: bool = False,
        databases: Databases | None = None,
    ) -> None:
        self.folder = folder
        self.databases = databases or Files(folder)
        self.brokers: dict[str, Broker] = {}
        self._forger: Forger | None = None
        self.processes: dict[str, Process] = {}
        self.proxies: dict[tuple[str, str], TcpProxy] = {}
        self._layout = layout
        self._bus = bus
        self._program = program
        self._settings = dict(settings or {})
        self._proxied = proxied

    def __enter__(self) -> "Cluster":
        try:
            self.start()
        except BaseException:
            self.abandon()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(self.tails())
            self.abandon()
        else:
            self.close()

    def start(self) -> None:
        """Return when each process answers. Raises CannotStartError."""
        if not self.processes:
            self._plan()
        for process in self.processes.values():
            process.start()
        for process in self.processes.values():
            process.wait_until_it_answers()

    def stop(self) -> None:
        """All that runs, at once and gracefully; AssertionError if one ends badly."""
        self._end([each for each in self.processes.values() if each.runs])

    def terminate(self, name: str) -> None:
        """Stop one gracefully; AssertionError if it ends badly."""
        self._end([self.processes[name]])

    def kill(self, name: str) -> None:
        """SIGKILL for the process and all that belongs to it."""
        self.processes[name].kill()

    def restart(self, name: str) -> None:
        """After a kill or a stop, or else after stopping it gracefully now."""
        if self.processes[name].runs:
            self.terminate(name)
        self.processes[name].start()
        self.processes[name].wait_until_it_answers()

    def reconfigure(self, layout: Layout, bus: str) -> None:
        """Stop all gracefully, and start anew in this form on the same databases."""
        self.stop()
        self._close_proxies()
        self.processes = {}
        self._layout, self._bus = layout, bus
        self.start()

    def close(self) -> None:
        """Stop all gracefully, brokers and proxies too."""
        try:
            self.stop()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Kill whatever runs."""
        for process in self.processes.values():
            if process.runs:
                process.kill()
        self._close_proxies()
        if self._forger is not None:
            self._forger.stop()
            self._forger = None
        for broker in self.brokers.values():
            broker.kill()
        self.brokers = {}

    @property
    def broker(self) -> Broker:
        """That of the present bus."""
        return self.brokers[BROKERED[self._bus].kind]

    @property
    def nats(self) -> NatsServer:
        nats = self.brokers["nats"]
        assert isinstance(nats, NatsServer)
        return nats

    def ports_of(self, service: str) -> list[int]:
        """Of each replica; the first is the one that other processes ask."""
        return [
            process.port
            for process in self.processes.values()
            if service in process.services
        ]

    def environment_of(self, service: str) -> dict[str, str]:
        """That of the process that runs `service`, as a command line needs it."""
        first = next(
            each for each in self.processes.values() if service in each.services
        )
        return dict(first.environment)

    def tails(self) -> str:
        """The last lines of every log."""
        return "\n".join(process.tail() for process in self.processes.values())

    def _plan(self) -> None:
        if self._bus in BROKERED:
            self._have_broker()
        if self._bus == "forged" and self._forger is None:
            self._forger = Forger(self.nats.address)
            self._forger.start()
        names = _names(self._layout)
        ports = dict(zip(names, _free_ports(len(names)), strict=True))
        asked: dict[str, int] = {}
        for name, services in names.items():
            asked = dict.fromkeys(services, ports[name]) | asked
        for name, services in names.items():
            self.processes[name] = Process(
                name=name,
                services=services,
                port=ports[name],
                program=self._program,
                environment=self._environment(name, services, ports[name], asked),
                folder=self.folder,
            )

    def _have_broker(self) -> None:
        needed = BROKERED[self._bus]
        if needed.kind not in self.brokers:
            broker = self.brokers[needed.kind] = needed.make(self.folder / needed.kind)
            broker.start()

    def _environment(
        self, name: str, services: tuple[str, ...], port: int, asked: Mapping[str, int]
    ) -> dict[str, str]:
        given = {
            **self.databases.environment,
            "HOST": HOST,
            "PORT": str(port),
            "SERVICES": ",".join(services),
            "BUS_URL": f"{self._bus}:",
            "COPIES": "several" if _has_replicas(self._layout) else "one",
        }
        if self._bus in BROKERED:
            brokered = BROKERED[self._bus]
            way = self._way(name, "bus", self.broker.port, brokered.address_of)
            given |= brokered.settings(way)
        for variable, service in _peers(services).items():
            if service in asked:
                way = self._way(name, variable, asked[service])
                given[variable] = f"http://{HOST}:{way}"
        return given | self._settings

    def _way(
        self,
        name: str,
        where: str,
        port: int,
        address_of: Callable[[int], bytes] | None = None,
    ) -> int:
        """The port by which the process gets there."""
        if not self._proxied:
            return port
        proxy = self.proxies[name, where] = TcpProxy(port, address_of=address_of)
        return proxy.port

    def _end(self, processes: Sequence[Process]) -> None:
        for process in processes:
            process.ask_to_stop()
        ended = {process.name: process.wait_for_end() for process in processes}
        badly = {name: code for name, code in ended.items() if code != 0}
        assert not badly, f"ended with {badly}\n{self.tails()}"

    def _close_proxies(self) -> None:
        for proxy in self.proxies.values():
            proxy.close()
        self.proxies = {}


def wait_until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not happened():
        assert time.monotonic() < deadline, f"{what} took too long"
        pause.wait(0.02)


def _names(layout: Layout) -> dict[str, tuple[str, ...]]:
    """`inventory`, or `catalog-queries+inventory`; `inventory-2` is a replica."""
    named: dict[str, tuple[str, ...]] = {}
    for services in layout:
        others = [each for each in services if each != WORKER]
        name = "+".join(others or services)
        if {*services, WORKER} == set(SERVICES):
            name = "storehouse"
        replica = 1 + list(named.values()).count(services)
        named[name if replica == 1 else f"{name}-{replica}"] = services
    return named


def _has_replicas(layout: Layout) -> bool:
    times = Counter(service for services in layout for service in services)
    return max(times.values()) > 1


def _peers(services: Sequence[str]) -> dict[str, str]:
    """By variable, the service that the others' process runs."""
    needed = needed_by(CONTEXTS, services)
    peers = {}
    for context in CONTEXTS:
        elsewhere = [
            each.name for each in context.services if each.name not in services
        ]
        # An address that is not needed is given all the same.
        asked = [name for name in elsewhere if name in needed] or elsewhere
        if asked:
            peers[context.address] = asked[0]
    return peers


def _free_ports(how_many: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < how_many:
        ports.add(free_port())
    return list(ports)
