"""On PostgreSQL, which flushes each commit: many clients, two processes, much, little.

python -m tests.benchmarks.over_postgres
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from app import Settings, assemble
from catalog.application.commands import RegisterProduct, RenameProduct
from catalog.application.handlers import register_product, rename_product
from catalog.domain.value_objects import OpeningStock, ProductName
from shared_kernel.domain.sku import Sku
from shared_kernel.runtime.running import RunningServices
from tests.benchmarks import at_rest, at_scale, open_holds
from tests.benchmarks.measuring import (
    Result,
    compared,
    interleaved,
    per_second,
    show,
)
from tests.benchmarks.over_http import time_to_catch_up
from tests.benchmarks.postgres_by_hand import ByHand, Work, to_register, to_rename
from tests.benchmarks.servers import CONNECTIONS, load, on_databases, postgres
from tests.databases import PostgresTemplates, Schemas

CLIENTS = (1, 4, 16)
COMMANDS = 1200
OLD_EVENTS = 100_000
A_THOUSAND_EVENTS = """
    INSERT INTO event_log (id, type, key, time_us, data)
    SELECT gen_random_uuid()::text, 'product.renamed', 'OLD', 1, '{}'
    FROM generate_series(1, 1000)"""
LEAST_OF_PSYCOPG = 0.40
LEAST_OF_ONE = 0.80
"""Where there is no core for a second process. With four it has to be faster."""
ROUNDS_OVER_HTTP = 3

Do = Callable[[Work], object]
Two = Callable[[Schemas], AbstractContextManager[list[int]]]
"""Starts two processes on the same databases; their ports."""


def results() -> list[Result]:
    with postgres() as templates:
        measured = [
            *_commands(templates),
            open_holds.on_postgresql(_clean(templates)),
            _under_an_old_snapshot(templates),
            _two_processes(templates, "WORKERS=2", _two_workers),
            _two_processes(templates, "2 servers", _two_servers),
            *at_scale.results(templates),
        ]
    return [*measured, *at_rest.results()]


def _commands(templates: PostgresTemplates) -> list[Result]:
    with (
        _a_storehouse(_clean(templates)) as storehouse,
        _clients(templates, max(CLIENTS)) as by_hand,
    ):
        registered = [_registering(storehouse, by_hand[:many]) for many in CLIENTS]
        return [*registered, _renaming(storehouse, by_hand[:4])]


def _registering(storehouse: RunningServices, by_hand: Sequence[ByHand]) -> Result:
    ours = [partial(_register, storehouse)] * len(by_hand)
    reference = [each.register for each in by_hand]
    return _against_psycopg(
        "register",
        len(by_hand),
        interleaved(
            lambda: _rate(ours, to_register(COMMANDS)),
            lambda: _rate(reference, to_register(COMMANDS)),
        ),
    )


def _renaming(storehouse: RunningServices, by_hand: Sequence[ByHand]) -> Result:
    ours = [partial(_rename, storehouse)] * len(by_hand)
    reference = [each.rename for each in by_hand]

    def renamed(clients: Sequence[Do], register: Do) -> float:
        products = to_register(COMMANDS)
        _rate([register], products)
        return _rate(clients, to_rename(products, "Another name"))

    return _against_psycopg(
        "rename",
        len(by_hand),
        interleaved(
            lambda: renamed(ours, partial(_register, storehouse)),
            lambda: renamed(reference, by_hand[0].register),
        ),
    )


def _under_an_old_snapshot(templates: PostgresTemplates) -> Result:
    """As beside a `pg_dump`: of all that is written nothing is vacuumed."""
    databases, clients = _clean(templates), max(CLIENTS)
    with (
        _a_storehouse(databases) as ours,
        _a_storehouse(_clean(templates)) as reference,
        closing(databases.server.connect(databases.database)) as old,
    ):
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT count(*) FROM catalog.event_log")
        _append(databases, OLD_EVENTS)
        medians = interleaved(
            lambda: _rate([partial(_register, ours)] * clients, to_register(COMMANDS)),
            lambda: _rate(
                [partial(_register, reference)] * clients, to_register(COMMANDS)
            ),
        )
    return compared(
        f"register, {clients} clients, under a snapshot {OLD_EVENTS:,} events old",
        "without",
        "commands/s",
        medians,
        LEAST_OF_ONE,
    )


def _append(databases: Schemas, events: int) -> None:
    with closing(databases.server.connect(databases.database)) as connection:
        connection.execute("SET search_path TO catalog")
        for _ in range(events // 1000):
            connection.execute(A_THOUSAND_EVENTS)
            connection.execute("SELECT give_positions()")


def _against_psycopg(what: str, clients: int, medians: tuple[float, float]) -> Result:
    return compared(
        f"{what}, {clients} client{'s' if clients > 1 else ''}, PostgreSQL",
        "psycopg alone",
        "commands/s",
        medians,
        LEAST_OF_PSYCOPG,
    )


def _rate(clients: Sequence[Do], commands: Sequence[Work]) -> float:
    """Commands a second; each client is a thread and has its share."""

    def work(place: int) -> int:
        share = commands[place :: len(clients)]
        for command in share:
            clients[place](command)
        return len(share)

    with ThreadPoolExecutor(len(clients)) as pool:
        return per_second(lambda: sum(pool.map(work, range(len(clients)))))


def _register(storehouse: RunningServices, work: Work) -> None:
    storehouse.context("catalog").writer.execute(
        register_product,
        RegisterProduct(
            sku=Sku(work.sku),
            name=ProductName(work.name),
            opening_stock=OpeningStock(5),
        ),
    )


def _rename(storehouse: RunningServices, work: Work) -> None:
    storehouse.context("catalog").writer.execute(
        rename_product, RenameProduct(sku=Sku(work.sku), name=ProductName(work.name))
    )


def _two_processes(templates: PostgresTemplates, how: str, two: Two) -> Result:
    with (
        on_databases(_clean(templates).environment) as one,
        two(_clean(templates)) as both,
    ):
        medians = interleaved(
            lambda: _posted(both),
            lambda: _posted([one.port]),
            rounds=ROUNDS_OVER_HTTP,
        )
    return compared(
        f"POST /products, {how}, {CONNECTIONS} connections, PostgreSQL",
        "1 process",
        "req/s",
        medians,
        LEAST_OF_ONE,
        "both share two cores with PostgreSQL and the load: no room to double",
    )


@contextmanager
def _two_servers(databases: Schemas) -> Iterator[list[int]]:
    with (
        on_databases(databases.environment) as first,
        on_databases(databases.environment) as second,
    ):
        yield [first.port, second.port]


@contextmanager
def _two_workers(databases: Schemas) -> Iterator[list[int]]:
    with on_databases(databases.environment | {"WORKERS": "2"}) as both:
        yield [both.port]


def _posted(ports: Sequence[int]) -> float:
    """Requests a second, from all connections; then wait until all is listed."""
    post = partial(
        load,
        path="/products",
        script="register.lua",
        connections=CONNECTIONS // len(ports),
    )
    with ThreadPoolExecutor(len(ports)) as pool:
        started = [
            pool.submit(post, port, arguments=(f"R{uuid.uuid4().hex[:12]}",))
            for port in ports
        ]
        rate = sum(each.result() for each in started)
    time_to_catch_up(ports[0])
    return rate


def _clean(templates: PostgresTemplates) -> Schemas:
    return templates.new(Path())


@contextmanager
def _a_storehouse(databases: Schemas) -> Iterator[RunningServices]:
    """Its workers do not run."""
    storehouse = assemble(Settings.from_environment(databases.environment))
    yield storehouse
    storehouse.stop()


@contextmanager
def _clients(templates: PostgresTemplates, how_many: int) -> Iterator[list[ByHand]]:
    databases = _clean(templates)
    with ExitStack() as stack:
        clients = [ByHand(databases) for _ in range(how_many)]
        for client in clients:
            stack.callback(client.close)
        yield clients


if __name__ == "__main__":
    show(results())
