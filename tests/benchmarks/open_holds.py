"""What one more hold costs, whether one or 50,000 are open of the same stock item.

python -m tests.benchmarks.open_holds
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from app import Settings, assemble
from inventory.application.commands import OpenStock, ReserveStock, ShipStock
from inventory.application.handlers import open_stock, reserve_stock, ship_stock
from inventory.domain.value_objects import Count, OrderReference, Quantity
from shared_kernel.clock import system_clock
from shared_kernel.domain.sku import Sku
from shared_kernel.runtime.running import RunningServices
from tests.benchmarks.measuring import (
    Result,
    compared,
    interleaved,
    per_second,
    show,
)
from tests.benchmarks.servers import postgres
from tests.databases import Databases, Files

FEW, MANY = 1, 50_000
HOLDS = 300
AT_ONCE = 500
LEAST_RATIO = 1 / 1.3


def on_sqlite() -> Result:
    with TemporaryDirectory(prefix="storehouse-bench-") as folder:
        return _result(Files(Path(folder)), "SQLite")


def on_postgresql(databases: Databases) -> Result:
    return _result(databases, "PostgreSQL")


def _result(databases: Databases, name: str) -> Result:
    with _a_storehouse(databases) as storehouse:
        few, many = Sku("FEW"), Sku("MANY")
        _hold(storehouse, few, FEW)
        _hold(storehouse, many, MANY)
        medians = interleaved(
            _holding_and_shipping(storehouse, many),
            _holding_and_shipping(storehouse, few),
        )
    return compared(
        f"hold and ship a piece while {MANY:,} holds are open, {name}",
        f"{FEW} hold open",
        "commands/s",
        medians,
        LEAST_RATIO,
    )


def _hold(storehouse: RunningServices, sku: Sku, orders: int) -> None:
    writer = storehouse.context("inventory").writer
    writer.execute(open_stock, OpenStock(sku=sku, on_hand=Count(10**9)))
    asked = [_reserve(sku, f"OPEN-{number}") for number in range(orders)]
    for begin in range(0, orders, AT_ONCE):
        writer.execute_all(reserve_stock, asked[begin : begin + AT_ONCE])


def _holding_and_shipping(storehouse: RunningServices, sku: Sku) -> Callable[[], float]:
    writer = storehouse.context("inventory").writer
    numbers = itertools.count()

    def work() -> int:
        for _ in range(HOLDS):
            hold = _reserve(sku, f"NEXT-{next(numbers)}")
            writer.execute(reserve_stock, hold)
            writer.execute(ship_stock, ShipStock(sku=sku, order=hold.order, at=hold.at))
        return 2 * HOLDS

    return lambda: per_second(work)


def _reserve(sku: Sku, order: str) -> ReserveStock:
    now = system_clock()
    return ReserveStock(
        sku=sku,
        order=OrderReference(order),
        quantity=Quantity(1),
        at=now,
        until=now + timedelta(days=1),
    )


@contextmanager
def _a_storehouse(databases: Databases) -> Iterator[RunningServices]:
    """Its workers do not run."""
    storehouse = assemble(Settings.from_environment(databases.environment))
    yield storehouse
    storehouse.stop()


if __name__ == "__main__":
    with postgres() as templates:
        show([on_sqlite(), on_postgresql(templates.new(Path()))])
