"""What it costs without a server: one command, an import, a rebuild."""

import contextlib
import csv
import io
import itertools
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from app import Settings, assemble
from catalog.adapters.inventory_acl import StockSeen
from catalog.application.commands import RegisterProduct
from catalog.application.handlers import register_product
from catalog.domain.value_objects import OpeningStock, ProductName
from catalog.read_model.listing_projector import ProductShown
from shared_kernel.domain.sku import Sku
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.reading import read_as
from shared_kernel.runtime.running import RunningServices
from tests.benchmarks import open_holds
from tests.benchmarks.by_hand import ByHand
from tests.benchmarks.measuring import Result, compared, interleaved, per_second
from tests.databases import Files

COMMANDS = 300
IMPORTED = 10_000
EVENTS = 100_000
BATCH = 5000
IMPORTED_PER_SECOND = 10_000


def results() -> list[Result]:
    return [_one_command(), open_holds.on_sqlite(), _import(), _rebuild()]


def _one_command() -> Result:
    with _a_storehouse() as storehouse, _by_hand() as by_hand:
        register = _registering(storehouse)

        def ours() -> int:
            for _ in range(COMMANDS):
                register()
                storehouse.workers.run_until_idle()
            return COMMANDS

        def reference() -> int:
            for _ in range(COMMANDS):
                by_hand.register(_sku(), "Product", 5)
            return COMMANDS

        medians = interleaved(lambda: per_second(ours), lambda: per_second(reference))
    return compared(
        "one command through the whole path",
        "sqlite3 by hand",
        "commands/s",
        medians,
        0.33,
    )


def _import() -> Result:
    with _a_storehouse() as storehouse, _by_hand() as by_hand, _folder() as folder:
        files = (
            _products_file(folder / f"{number}.csv") for number in itertools.count()
        )
        command = _command(storehouse)

        def ours() -> float:
            file = next(files)

            def run() -> int:
                command("import", str(file))
                return IMPORTED

            return per_second(run)

        def reference() -> float:
            file = next(files)
            return per_second(lambda: by_hand.import_file(file))

        medians = interleaved(ours, reference)
    fast = medians[0] >= IMPORTED_PER_SECOND
    note = f"{'≥' if fast else 'less than'} {IMPORTED_PER_SECOND:,} products/s"
    return compared(
        "import of 10,000 products until all are listed",
        "executemany",
        "products/s",
        medians,
        0.10,
        note,
    )


def _rebuild() -> Result:
    with _a_storehouse() as storehouse, _folder() as folder:
        command = _command(storehouse)
        # Each product is two events: it is inserted, and its stock is opened.
        file = _products_file(folder / "products.csv", EVENTS // 2)
        command("import", str(file))

        def ours() -> int:
            command("rebuild-listing")
            return EVENTS

        def reference() -> int:
            return _read(storehouse.context("catalog").log, ProductShown) + _read(
                storehouse.context("inventory").log, StockSeen
            )

        medians = interleaved(lambda: per_second(ours), lambda: per_second(reference))
    return compared(
        "rebuild of the listing from 100,000 events",
        "reading and decoding the logs",
        "events/s",
        medians,
        0.25,
    )


def _read(log: EventLog, kind: type) -> int:
    position = 0
    while batch := log.read(position, BATCH):
        for envelope in batch:
            read_as(kind, envelope)
        position = batch[-1].position
    return position


def _registering(storehouse: RunningServices) -> Callable[[], object]:
    return lambda: storehouse.context("catalog").writer.execute(
        register_product,
        RegisterProduct(
            sku=Sku(_sku()), name=ProductName("Product"), opening_stock=OpeningStock(5)
        ),
    )


def _command(storehouse: RunningServices) -> Callable[..., None]:
    """The catalog's command line, without its output."""

    def run(*arguments: str) -> None:
        quiet = io.StringIO()
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            name, *more = arguments
            found = {
                **storehouse.context("catalog").cli.commands,
                **storehouse.service("catalog-queries").cli.commands,
            }
            code = found[name].main(more, standalone_mode=False)
        if code:
            raise RuntimeError(quiet.getvalue())

    return run


def _products_file(path: Path, products: int = IMPORTED) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sku", "name", "stock_count"])
        run = uuid.uuid4().hex[:12]
        writer.writerows(
            [f"{run}-{number}", f"Product {number}", 5] for number in range(products)
        )
    return path


def _sku() -> str:
    return uuid.uuid4().hex


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="storehouse-bench-") as folder:
        yield Path(folder)


@contextmanager
def _a_storehouse() -> Iterator[RunningServices]:
    with _folder() as folder, ExitStack() as stack:
        storehouse = assemble(Settings.from_environment(Files(folder).environment))
        stack.callback(storehouse.stop)
        yield storehouse


@contextmanager
def _by_hand() -> Iterator[ByHand]:
    with _folder() as folder:
        by_hand = ByHand(folder)
        yield by_hand
        by_hand.close()
