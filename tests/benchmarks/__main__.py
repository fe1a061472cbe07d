"""`make bench`: Storehouse and its references in one run, and the table of ratios."""

import sys

import click

from tests.benchmarks import (
    in_process,
    over_buses,
    over_http,
    over_postgres,
    over_queues,
    rehearsing,
)
from tests.benchmarks.measuring import show


def main() -> None:
    results = []
    for name, measure in (
        ("over HTTP", over_http.results),
        ("on PostgreSQL", over_postgres.results),
        ("over NATS and between processes", over_buses.results),
        ("queues", over_queues.results),
        ("in one process", in_process.results),
        ("dead letters", rehearsing.results),
    ):
        click.echo(f"measuring {name} …", err=True)
        results += measure()
    show(results)
    sys.exit(0 if all(result.reached for result in results) else 1)


if __name__ == "__main__":
    main()
