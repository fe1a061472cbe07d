"""What an idle process costs, on PostgreSQL.

python -m tests.benchmarks.at_rest
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import click

from tests.benchmarks.measuring import Result, show
from tests.benchmarks.servers import on_databases, postgres
from tests.databases import Schemas
from tests.postgres_server import PostgresServer

SETTLING_S, RESTING_S = 4.0, 10.0
MOST_TRANSACTIONS_PER_S = 25.0
MOST_CPU = 3.0
"""Percent of one core, for the process."""
COUNTER = "pg_stat_statements"

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TRANSACTIONS = """SELECT xact_commit + xact_rollback FROM pg_stat_database
    WHERE datname = '{database}'"""
_CALLS = """SELECT coalesce(sum(calls), 0) FROM pg_stat_statements AS statement
    JOIN pg_database AS database ON database.oid = statement.dbid
    WHERE datname = '{database}'"""
_MOST_CALLED = """SELECT calls, query FROM pg_stat_statements AS statement
    JOIN pg_database AS database ON database.oid = statement.dbid
    WHERE datname = '{database}' ORDER BY calls DESC LIMIT 12"""


@attrs.frozen
class Spent:
    """Since the beginning."""

    transactions: int
    statements: int
    process_s: float
    server_s: float


def results() -> list[Result]:
    with postgres(shared_preload_libraries=COUNTER) as templates:
        server = templates.server
        server.execute("postgres", f"CREATE EXTENSION {COUNTER}")
        databases = templates.new(Path())
        with on_databases(databases.environment) as process:
            pause = threading.Event()
            pause.wait(SETTLING_S)
            server.execute("postgres", "SELECT pg_stat_statements_reset()")
            before = _spent(databases, process.pid)
            pause.wait(RESTING_S)
            after = _spent(databases, process.pid)
        called = server.execute("postgres", _asked(_MOST_CALLED, databases))
    for calls, query in called:
        words = " ".join(query.split())
        click.echo(f"  {calls / RESTING_S:6.1f}/s  {words[:100]}", err=True)
    return _rows(before, after)


def _rows(before: Spent, after: Spent) -> list[Result]:
    statements = (after.statements - before.statements) / RESTING_S
    transactions = (after.transactions - before.transactions) / RESTING_S
    process_s = after.process_s - before.process_s
    server_s = after.server_s - before.server_s
    cpu = 100 * process_s / RESTING_S
    return [
        _at_most(
            "at rest on PostgreSQL: transactions",
            "a second",
            transactions,
            MOST_TRANSACTIONS_PER_S,
            # A prepared BEGIN or COMMIT is counted only the first time.
            f"{statements:.1f} statements a second, besides BEGIN and COMMIT",
        ),
        _at_most(
            "at rest on PostgreSQL: CPU of the process",
            "% of a core",
            cpu,
            MOST_CPU,
            f"in {RESTING_S:.0f} s: {process_s:.2f} s, the server {server_s:.2f} s",
        ),
    ]


def _at_most(work: str, unit: str, ours: float, most: float, note: str) -> Result:
    return Result(
        work=work,
        reference_work="",
        unit=unit,
        ours=ours,
        reference=None,
        to_reach=f"≤ {most:.0f}",
        reached=ours <= most,
        note=note,
    )


def _spent(databases: Schemas, process: int) -> Spent:
    # Through another database, so that this query is not counted.
    server = databases.server
    ((transactions,),) = server.execute("postgres", _asked(_TRANSACTIONS, databases))
    ((statements,),) = server.execute("postgres", _asked(_CALLS, databases))
    return Spent(
        transactions=int(transactions),
        statements=int(statements),
        process_s=_cpu_s(process),
        server_s=_cpu_s(_postmaster(server)),
    )


def _asked(question: str, databases: Schemas) -> str:
    return question.format(database=databases.database)


def _postmaster(server: PostgresServer) -> int:
    lines = (server.folder / "data" / "postmaster.pid").read_text().splitlines()
    return int(lines[0])


def _cpu_s(root: int) -> float:
    """Of the process and of all that it has started and waited for, or still runs."""
    stats = dict(_stats())
    ticks, todo = 0, [root]
    while todo:
        process = todo.pop()
        ticks += sum(map(int, stats[process][11:15]))
        todo += [pid for pid, fields in stats.items() if int(fields[1]) == process]
    return ticks / _TICKS_PER_S


def _stats() -> Iterator[tuple[int, list[str]]]:
    """By process, from its state on: proc_pid_stat(5), field 3."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = file.read_text()
        except OSError:
            # It has ended meanwhile.
            continue
        yield int(file.parent.name), text.rpartition(")")[2].split()


if __name__ == "__main__":
    show(results())
