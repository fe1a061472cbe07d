"""The bulk commands, killed by SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from catalog.read_model.product_listing import product_listing
from shared_kernel.runtime.running import RunningServices
from shared_kernel.storage.prepared import Prepared
from tests.catalog.listings import listed, rows_of_listing
from tests.databases import Databases
from tests.storehouses import a_csv, a_storehouse, query, run

ROOT = Path(__file__).parents[2]
PRODUCTS = 10_000
_LISTED = Prepared(sa.select(sa.func.count()).select_from(product_listing))


@pytest.fixture
def products(tmp_path: Path) -> Path:
    rows = [[f"LAMP-{number}", f"Lamp {number}", "2"] for number in range(PRODUCTS)]
    return a_csv(tmp_path / "products.csv", "sku,name,stock_count", rows)


def kill_when(
    databases: Databases, happened: Callable[[], bool], *command: str | Path
) -> subprocess.Popen[bytes]:
    """Start `flask --app app …` on the storehouse in `databases`, and kill it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", *map(str, command)],
        cwd=ROOT,
        env=os.environ | databases.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while process.poll() is None and not happened():
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process


def names_of_tables(storehouse: RunningServices) -> set[str]:
    with storehouse.service("catalog-queries").databases[0].reading() as connection:
        return set(sa.inspect(connection).get_table_names())


@pytest.mark.proof_on("postgresql")
@pytest.mark.server
def test_a_killed_import_continues_when_it_is_run_again(
    databases: Databases, products: Path
) -> None:
    with a_storehouse(databases) as storehouse:
        listing = storehouse.service("catalog-queries").databases[0]
        process = kill_when(
            databases,
            lambda: query(listing, _LISTED)[0][0] > 0,
            "catalog",
            "import",
            products,
        )
        assert process.returncode == -signal.SIGKILL

        result = run(storehouse.context("catalog").cli, "import", products)

        assert result.exit_code == 0
        assert ", 0 refused" in result.output
        assert " 0 skipped" not in result.output
        shown = listed(storehouse)
        assert [row["code"] for row in shown] == [
            f"LAMP-{number}" for number in range(PRODUCTS)
        ]
        assert {row["availability"] for row in shown} == {"in_stock"}


@pytest.mark.proof_on("postgresql")
@pytest.mark.server
def test_a_killed_rebuild_leaves_the_listing_and_can_be_run_again(
    databases: Databases, products: Path
) -> None:
    with a_storehouse(databases) as storehouse:
        run(storehouse.context("catalog").cli, "import", products)
        before = rows_of_listing(storehouse)

        kill_when(
            databases,
            lambda: "product_listing_rebuild" in names_of_tables(storehouse),
            "catalog",
            "rebuild-listing",
        )

        assert rows_of_listing(storehouse) == before
        # The lease of the killed one runs out within seconds.
        deadline = time.monotonic() + 30
        while (
            run(storehouse.service("catalog-queries").cli, "rebuild-listing").exit_code
            != 0
        ):
            assert time.monotonic() < deadline
        assert rows_of_listing(storehouse) == before
