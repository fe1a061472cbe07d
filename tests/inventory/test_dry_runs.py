"""`--dry-run` of files of stock and orders says what then comes of each row."""

import re
from pathlib import Path

import pytest

from shared_kernel.files import run as bulk_run
from shared_kernel.runtime.running import RunningServices
from tests.databases import Databases
from tests.storehouses import a_csv, a_storehouse, run

STOCK = [["A-1", "A", "4"], ["B-1", "B", "2"]]
ROWS: dict[tuple[str, ...], tuple[str, list[list[object]]]] = {
    ("import-counts", "--reason", "Stocktake"): (
        "sku,on_hand,reorder_point",
        [["A-1", 3, 1], ["B-1", "", ""], ["C-1", 1, ""], ["A-1", 5, ""], ["B-1", 0, 0]],
    ),
    ("import-receipts",): (
        "sku,quantity,reference",
        [
            ["A-1", 2, "LS 1"],
            ["B-1", 2, ""],
            ["A-1", 2, "LS 1"],
            ["B-1", 2, "LS 1"],
            ["A-1", 3, "LS 1"],
            ["B-1", 2, ""],
        ],
    ),
    ("replay-orders",): (
        "order,line,sku,quantity",
        [
            ["O-1", "", "A-1", 2],
            ["O-1", "", "A-1", 2],
            ["O-1", "7", "B-1", 1],
            ["O-2", "", "A-1", 1],
            ["O-1", "7", "B-1", 1],
            ["O-1", "7", "B-1", 2],
            ["O-3", "1", "B-1", 1],
            ["O-3", "1", "B-1", 1],
            ["O-4", "", "B-1", 1],
        ],
    ),
}


def outcomes(storehouse: RunningServices, *asked: str | Path) -> tuple[int, str]:
    """The exit code, and what is said of the rows."""
    result = run(storehouse.context("inventory").cli, *asked)
    said = [
        line.replace("would be ", "")
        for line in result.stdout.splitlines()
        if not line.startswith(("All that", "This was"))
    ]
    return result.exit_code, re.sub(r" in [\d.]+ s .*", "", "\n".join(said))


@pytest.mark.proof_on("postgresql")
@pytest.mark.parametrize("command", ROWS)
def test_what_a_dry_run_says_is_what_is_done(
    databases: Databases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    # Rows depend on those of earlier chunks, too.
    monkeypatch.setattr(bulk_run, "CHUNK", 2)
    file = a_csv(tmp_path / "rows.csv", *ROWS[command])
    with a_storehouse(databases) as storehouse:
        products = a_csv(tmp_path / "p.csv", "sku,name,stock_count", STOCK)
        run(storehouse.context("catalog").cli, "import", products)
        log = storehouse.context("inventory").log
        before = log.read(0, 1000)

        tried = outcomes(storehouse, *command, file, "--dry-run")

        assert log.read(0, 1000) == before
        assert (tmp_path / "rows.csv.dry-run.csv").exists()
        assert tried[0] == 1
        assert outcomes(storehouse, *command, file) == tried
        assert len(log.read(0, 1000)) > len(before)
