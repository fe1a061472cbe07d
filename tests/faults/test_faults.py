"""Three processes under load, with faults of processes, networks and servers."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import attrs
import pytest

from tests.cluster import ONE, SPLIT, Cluster, Layout, wait_until
from tests.databases import KINDS, Databases, Files, Schemas, templates
from tests.faults.checker import SUMMARY, Tally, check, come_to_rest
from tests.faults.load import Load, load
from tests.postgres_server import PostgresServer
from tests.tcp_proxy import Direction, TcpProxy

pytestmark = pytest.mark.server

REPLICAS: Layout = (*SPLIT, ("catalog-queries",), ("inventory",))
TAKEOVER_S = 5.0
WAYS: list[Direction | None] = [None, "up", "down"]
SEED = int(os.environ.get("STOREHOUSE_FAULT_SEED", "4711"))
SECONDS = float(os.environ.get("STOREHOUSE_FAULT_SECONDS", "30"))


@attrs.define(eq=False)
class Trial:
    """A cluster under load. Each fault is counted, and ends before the next."""

    cluster: Cluster
    load: Load
    tally: Tally
    chance: random.Random

    def broker_is_killed(self) -> None:
        self.cluster.broker.kill()
        self.cluster.broker.start()

    def broker_is_away(self, seconds: float = 2.0) -> None:
        self.cluster.broker.stop()
        pause(seconds)
        self.cluster.broker.start()

    def broker_loses_its_storage(self) -> None:
        self.cluster.broker.kill()
        self.cluster.broker.delete_storage()
        self.load.more(10)
        self.cluster.broker.start()

    def a_process_is_cut_off(self, seconds: float = 2.0) -> None:
        proxy = self._some_proxy()
        proxy.cut(self.chance.choice(WAYS))
        pause(seconds)
        proxy.pass_through()

    def a_process_is_slow_to_reach(self, seconds: float = 2.0) -> None:
        proxy = self._some_proxy()
        proxy.delay(0.3)
        pause(seconds)
        proxy.pass_through()

    def connections_break(self) -> None:
        for proxy in self.cluster.proxies.values():
            proxy.reset()

    def a_process_is_killed(self, name: str | None = None) -> None:
        chosen = name or self.chance.choice(list(self.cluster.processes))
        self.tally.count(self.cluster, chosen)
        self.cluster.kill(chosen)
        pause(self.chance.uniform(0, 1))
        self.cluster.restart(chosen)

    def postgres_is_killed(self) -> None:
        self._postgres().kill()
        pause(self.chance.uniform(0, 1))
        self._postgres().start()

    def postgres_is_restarted(self) -> None:
        self._postgres().stop()
        self._postgres().start()

    def postgres_is_away(self, seconds: float = 5.0) -> None:
        """Longer than a command waits."""
        self._postgres().stop()
        pause(seconds)
        self._postgres().start()

    def postgres_hangs(self, seconds: float = 2.0) -> None:
        self._postgres().freeze()
        pause(seconds)
        self._postgres().thaw()

    def postgres_ends_all_sessions(self) -> None:
        self._postgres().execute(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'storehouse'",
        )

    def do(self, fault: Callable[[], None]) -> None:
        self.tally.faults[fault.__name__] += 1
        fault()

    def _postgres(self) -> PostgresServer:
        assert isinstance(self.cluster.databases, Schemas)
        return self.cluster.databases.server

    def _some_proxy(self) -> TcpProxy:
        return self.chance.choice(list(self.cluster.proxies.values()))


class Try(Protocol):
    def __call__(
        self, title: str, bus: str, layout: Layout = SPLIT
    ) -> AbstractContextManager[Trial]: ...


@pytest.fixture(params=KINDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    """Databases of each kind; the PostgreSQL server may be killed."""
    if request.param == "sqlite":
        yield Files(tmp_path)
        return
    with templates("postgresql", durable=True) as clean:
        yield clean.new(tmp_path)


@pytest.fixture
def in_postgres(tmp_path: Path) -> Iterator[Databases]:
    with templates("postgresql", durable=True) as clean:
        yield clean.new(tmp_path)


@pytest.fixture
def trial(
    kept: Databases, tmp_path: Path, record_property: Callable[[str, str], None]
) -> Try:
    """Afterwards the load stops, all work ends, and the laws are checked."""
    return partial(on_trial, kept, tmp_path, record_property)


@pytest.fixture
def trial_in_postgres(
    in_postgres: Databases, tmp_path: Path, record_property: Callable[[str, str], None]
) -> Try:
    return partial(on_trial, in_postgres, tmp_path, record_property)


@contextmanager
def on_trial(
    databases: Databases,
    folder: Path,
    record_property: Callable[[str, str], None],
    title: str,
    bus: str,
    layout: Layout = SPLIT,
) -> Iterator[Trial]:
    tally = Tally()
    with Cluster(folder, layout, bus, proxied=True, databases=databases) as cluster:
        with load(cluster.ports_of) as at_work:
            at_work.more(20)
            yield Trial(cluster, at_work, tally, random.Random(SEED))
            recovered = time.monotonic()
        come_to_rest(databases, tally, recovered)
        tally.count(cluster)
    kind = "sqlite" if isinstance(databases, Files) else "postgresql"
    summary = tally.summary(f"{bus}, {kind}: {title}", at_work, databases)
    record_property(SUMMARY, summary)
    check(databases, at_work, tally)


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


@pytest.mark.proof_on("postgresql", "jetstream", "kafka")
@pytest.mark.parametrize("bus", ["nats", "jetstream", "kafka", "aws"])
def test_broker_is_killed_and_comes_back(trial: Try, bus: str) -> None:
    with trial("NATS killed", bus) as at:
        for _ in range(3):
            at.do(at.broker_is_killed)
            at.load.more(40)


@pytest.mark.proof
@pytest.mark.parametrize(
    "bus", ["nats", "jetstream", "redis", "kafka", "pubsub", "aws"]
)
def test_a_broker_is_stopped_for_ten_seconds(trial: Try, bus: str) -> None:
    with trial("broker away for 10 s", bus) as at:
        before = at.load.acknowledged
        at.tally.faults["broker_is_away"] += 1
        at.broker_is_away(10)

        # Everything worked without it, only more slowly.
        assert at.load.acknowledged > before + 20


@pytest.mark.proof
@pytest.mark.parametrize("bus", ["jetstream", "redis", "kafka", "pubsub", "aws"])
def test_a_broker_loses_what_it_had_acknowledged(trial: Try, bus: str) -> None:
    with trial("storage deleted", bus) as at:
        for _ in range(2):
            at.do(at.broker_loses_its_storage)
            at.load.more(40)


@pytest.mark.proof
@pytest.mark.parametrize(
    "bus", ["nats", "jetstream", "redis", "kafka", "pubsub", "aws", "feed"]
)
def test_a_process_is_cut_off_from_the_others(trial: Try, bus: str) -> None:
    with trial("partition", bus) as at:
        for proxy in at.cluster.proxies.values():
            for direction in WAYS:
                at.tally.faults["cut"] += 1
                proxy.cut(direction)
                pause(0.4)
                proxy.pass_through()
            at.tally.faults["delay"] += 1
            proxy.delay(0.3)
            pause(0.4)
            proxy.pass_through()
        if bus != "feed":
            # Long enough for the client to give up the connection.
            proxy = at.cluster.proxies["inventory", "bus"]
            at.tally.faults["long cut"] += 1
            proxy.cut("down")
            pause(5)
            proxy.pass_through()


@pytest.mark.proof
@pytest.mark.parametrize(
    "bus", ["nats", "jetstream", "redis", "kafka", "pubsub", "aws", "feed"]
)
def test_each_process_is_killed_in_turn(trial: Try, bus: str) -> None:
    with trial("processes killed", bus) as at:
        for name in list(at.cluster.processes):
            at.tally.faults[f"{name} killed"] += 1
            at.a_process_is_killed(name)
            at.load.more(20)


@pytest.mark.proof
def test_of_two_replicas_one_takes_over_from_the_other(trial: Try) -> None:
    with trial("replicas killed", "nats", REPLICAS) as at:
        for name in [each for each in at.cluster.processes if "commands" not in each]:
            at.tally.faults[f"{name} killed"] += 1
            at.tally.count(at.cluster, name)
            at.cluster.kill(name)
            begun, answers = time.monotonic(), at.load.acknowledged
            wait_until(
                lambda answers=answers: at.load.acknowledged >= answers + 10,  # type: ignore[misc]
                "taking over",
            )
            took_s = time.monotonic() - begun
            assert took_s < TAKEOVER_S, name
            at.cluster.restart(name)


@pytest.mark.proof_on("feed")
@pytest.mark.parametrize("bus", ["feed", "nats"])
def test_postgres_is_killed_and_restarted(trial_in_postgres: Try, bus: str) -> None:
    with trial_in_postgres("PostgreSQL killed", bus) as at:
        for _ in range(3):
            for fault in (
                at.postgres_is_killed,
                at.postgres_ends_all_sessions,
                at.postgres_is_restarted,
            ):
                at.do(fault)
                at.load.more(20)


@pytest.mark.proof
def test_postgres_is_down_and_hangs(trial_in_postgres: Try) -> None:
    with trial_in_postgres("PostgreSQL away", "nats", REPLICAS) as at:
        for fault in (at.postgres_is_away, at.postgres_hangs):
            at.do(fault)
            at.load.more(40)


@pytest.mark.proof
def test_replicas_of_everything_on_one_database_server(trial_in_postgres: Try) -> None:
    """Each replica is a process with an in-process bus."""
    with trial_in_postgres("three replicas of all", "inprocess", ONE * 3) as at:
        for name in list(at.cluster.processes):
            at.tally.faults[f"{name} killed"] += 1
            at.a_process_is_killed(name)
            at.load.more(40)
        at.do(at.postgres_is_killed)
        at.load.more(40)


@pytest.mark.proof
def test_all_faults_at_once(trial: Try) -> None:
    title = f"everything for {SECONDS:.0f} s, seed {SEED}"
    with trial(title, "jetstream", REPLICAS) as at:
        deadline = time.monotonic() + SECONDS
        faults = [
            at.broker_is_killed,
            at.broker_is_away,
            at.broker_loses_its_storage,
            at.a_process_is_cut_off,
            at.a_process_is_slow_to_reach,
            at.connections_break,
            at.a_process_is_killed,
        ]
        if isinstance(at.cluster.databases, Schemas):
            faults += [
                at.postgres_is_killed,
                at.postgres_is_restarted,
                at.postgres_hangs,
                at.postgres_ends_all_sessions,
            ]
        while time.monotonic() < deadline:
            at.do(at.chance.choice(faults))
            pause(at.chance.uniform(0, 0.5))
