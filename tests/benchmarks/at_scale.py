"""What changes when there is a hundred times as much, on PostgreSQL.

python -m tests.benchmarks.at_scale 10000 100000 1000000
"""

import http.client
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import attrs
import click

from tests.benchmarks.filled import LOW, fill, word_of
from tests.benchmarks.measuring import Result, compared, show
from tests.benchmarks.over_http import TIMEOUT_S, post_product, time_to_catch_up
from tests.benchmarks.servers import load, on_databases, postgres, request
from tests.databases import PostgresTemplates, Schemas

SIZES = (10_000, 1_000_000)
CLIENTS = 4
ROUNDS = 5
PROBES = 40
READS = 200
PAUSE_MS = 36
"""Pause between the requests of a client, for about 100 requests a second."""
LEAST_RATIO, MOST_RATIO = 0.80, 1.25
# For reads of some ms: a trigram is in the same share of all texts, so its list grows
# with the number of texts; and up to 4 MB of new texts are unsorted until a vacuum.
MOST_RATIO_OF_TEXTS = 8.0
BIG = ("event_log", "products", "product_listing", "stock_items", "stock_movements")

_SCANS = f"""
    SELECT schemaname || '.' || relname, seq_scan, idx_scan FROM pg_stat_user_tables
    WHERE relname IN {BIG} ORDER BY 1"""


@attrs.define
class Measured:
    """Of one size: a number a round, and the milliseconds of each probe and read."""

    databases: Schemas
    products: int
    port: int = 0
    per_s: list[float] = attrs.field(factory=list)
    lags_ms: list[float] = attrs.field(factory=list)
    reads_ms: dict[str, list[float]] = attrs.field(factory=dict)
    scans: dict[str, tuple[int, int]] = attrs.field(factory=dict)


def results(templates: PostgresTemplates, sizes: Sequence[int] = SIZES) -> list[Result]:
    measured = [_filled(templates, products) for products in sizes]
    # All is on the disk before anything is measured.
    templates.server.execute("postgres", "CHECKPOINT")
    for each in measured:
        each.scans = _scans(each)
    with ExitStack() as stack:
        for each in measured:
            each.port = stack.enter_context(
                on_databases(each.databases.environment)
            ).port
        for _ in range(ROUNDS):
            for each in measured:
                _write(each)
        for read in READ:
            _read(read, measured)
    few, *more = measured
    return [
        *(row for many in more for row in _rows(few, many)),
        # Among as few as it counts, the home page had better read them all.
        *map(_unscanned, more),
    ]


def _filled(templates: PostgresTemplates, products: int) -> Measured:
    databases = templates.new(Path())
    begun = time.perf_counter()
    fill(databases, products)
    took_s = time.perf_counter() - begun
    click.echo(f"  {products:,} products filled in {took_s:.0f} s", err=True)
    return Measured(databases, products)


def _write(measured: Measured) -> None:
    port = measured.port
    measured.per_s.append(_posted(port, 2, 0))
    time_to_catch_up(port)
    with ThreadPoolExecutor(1) as pool:
        loaded = pool.submit(_posted, port, 2, PAUSE_MS)
        measured.lags_ms += (_lag_ms(port) for _ in range(PROBES))
        loaded.result()
    time_to_catch_up(port)


@attrs.frozen
class Read:
    """`path` is of how many products there are, and of the number of the request."""

    what: str
    path: Callable[[int, int], str]
    most_ratio: float = MOST_RATIO
    note: str = ""


# No page is requested twice, so none comes from the cache.
READ = (
    Read(
        "last page of 100",
        lambda products, number: f"/products?cursor={products - 100 - READS + number}",
    ),
    Read(
        f"all {LOW} products that are low",
        lambda _, number: f"/products?availability=low&cursor={number}",
    ),
    Read(
        "the one product with a word in its name",
        lambda _, number: f"/products?q={word_of(number + 1)}",
        MOST_RATIO_OF_TEXTS,
        "lists of trigrams grow with the texts",
    ),
    Read(
        "a word that stands nowhere",
        lambda _, number: f"/products?q=lamp+{word_of(number + 1)}",
        MOST_RATIO_OF_TEXTS,
        "what was written last is in no order yet",
    ),
    Read(
        "a page of 100 of those with a word that all have",
        lambda products, number: f"/products?q=product&cursor={products // 2 + number}",
    ),
    Read("home page", lambda *_: "/", note="10,000 of each availability are counted"),
)


def _read(read: Read, all_measured: Sequence[Measured]) -> None:
    """In turn, request by request."""
    connections = [
        http.client.HTTPConnection("127.0.0.1", each.port) for each in all_measured
    ]
    for number in range(READS):
        for each, connection in zip(all_measured, connections, strict=True):
            begun = time.perf_counter()
            response, _ = request(connection, "GET", read.path(each.products, number))
            took_ms = (time.perf_counter() - begun) * 1000
            assert response.status == 200
            each.reads_ms.setdefault(read.what, []).append(took_ms)


def _lag_ms(port: int) -> float:
    """From the response to a POST until the listing has the product."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    sku = f"PROBE-{uuid.uuid4().hex[:12]}"
    post_product(connection, sku)
    acknowledged = time.perf_counter()
    while time.perf_counter() - acknowledged < TIMEOUT_S:
        # Not by its place: the token may lie behind that, where many write at a time.
        response, _ = request(connection, "GET", f"/products/{sku}")
        if response.status == 200:
            return (time.perf_counter() - acknowledged) * 1000
    raise RuntimeError(f"{sku} does not appear")


def _posted(port: int, seconds: int, pause_ms: int) -> float:
    return load(
        port,
        "/products",
        script="register.lua",
        seconds=seconds,
        connections=CLIENTS,
        arguments=(f"S{uuid.uuid4().hex[:12]}", str(pause_ms)),
    )


def _rows(few: Measured, many: Measured) -> list[Result]:
    here, there = f"among {many.products:,}", f"among {few.products:,}"
    return [
        compared(
            f"POST /products {here}, {CLIENTS} clients, PostgreSQL",
            there,
            "req/s",
            (statistics.median(many.per_s), statistics.median(few.per_s)),
            LEAST_RATIO,
        ),
        _no_longer(
            f"acknowledged POST → listed {here}, median",
            there,
            many.lags_ms,
            few.lags_ms,
            f"p99 {_p99(many.lags_ms):.1f} ms, {there} {_p99(few.lags_ms):.1f} ms",
        ),
        *(
            _no_longer(
                f"{read.what} {here}, median",
                there,
                many.reads_ms[read.what],
                few.reads_ms[read.what],
                read.note,
                read.most_ratio,
            )
            for read in READ
        ),
    ]


def _no_longer(
    work: str,
    reference_work: str,
    ours_ms: Sequence[float],
    reference_ms: Sequence[float],
    note: str = "",
    most_ratio: float = MOST_RATIO,
) -> Result:
    ours, reference = statistics.median(ours_ms), statistics.median(reference_ms)
    return Result(
        work=work,
        reference_work=reference_work,
        unit="ms",
        ours=ours,
        reference=reference,
        to_reach=f"≤ {most_ratio:.2f}",
        reached=ours / reference <= most_ratio,
        note=note,
    )


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.99) - 1]


def _unscanned(measured: Measured) -> Result:
    """The process has ended, so the statistics of its sessions are complete."""
    after = _scans(measured)
    whole, by_index = 0, 0
    for table, (before, before_by_index) in measured.scans.items():
        whole += after[table][0] - before
        by_index += after[table][1] - before_by_index
    return Result(
        work=f"big tables read from end to end, {measured.products:,} products",
        reference_work="",
        unit="times",
        ours=whole,
        reference=None,
        to_reach="0",
        reached=whole == 0 and by_index > 0,
        note=f"by an index {by_index:,} times",
    )


def _scans(measured: Measured) -> dict[str, tuple[int, int]]:
    """By table, how often it was read from end to end, and by an index."""
    rows = measured.databases.rows("catalog", _SCANS)
    return {table: (whole, by_index) for table, whole, by_index in rows}


if __name__ == "__main__":
    with postgres() as clean:
        show(results(clean, [int(size) for size in sys.argv[1:]] or SIZES))
