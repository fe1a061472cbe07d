"""`inventory import-counts` and `import-receipts`: each row is booked once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from shared_kernel.files import run as bulk_run
from shared_kernel.runtime.running import RunningServices
from tests.databases import Databases
from tests.storehouses import (
    Crash,
    a_copy_of,
    a_csv,
    a_storehouse,
    crash_at_commit,
    rows_of,
    run,
    some_ndjson,
)

pytestmark = pytest.mark.proof_on("postgresql")

FILES = Path(__file__).parents[1] / "data" / "files"
STOCK = {"A-1": 98, "B-1": 98}


@pytest.fixture
def storehouse(databases: Databases, tmp_path: Path) -> Iterator[RunningServices]:
    with a_storehouse(databases) as opened:
        with_stock(opened, tmp_path, STOCK)
        yield opened


def with_stock(
    storehouse: RunningServices, folder: Path, stock: dict[str, int]
) -> None:
    rows = [[sku, sku, pieces] for sku, pieces in stock.items()]
    file = a_csv(folder / "products.csv", "sku,name,stock_count", rows)
    assert run(storehouse.context("catalog").cli, "import", file).exit_code == 0


def inventory(storehouse: RunningServices, *arguments: str | Path) -> tuple[int, str]:
    result = run(storehouse.context("inventory").cli, *arguments)
    return result.exit_code, result.output


def count(storehouse: RunningServices, *arguments: str | Path) -> tuple[int, str]:
    asked = ("import-counts", *arguments, "--reason", "Stocktake")
    return inventory(storehouse, *asked)


def receive(storehouse: RunningServices, *arguments: str | Path) -> tuple[int, str]:
    return inventory(storehouse, "import-receipts", *arguments)


def levels(storehouse: RunningServices) -> dict[str, int]:
    result = run(storehouse.context("inventory").cli, "export")
    lines = result.stdout.split()[1:]
    return {sku: int(pieces) for sku, pieces, _ in (line.split(",") for line in lines)}


def events(storehouse: RunningServices) -> list[str]:
    log = storehouse.context("inventory").log
    return [each.type for each in log.read(0, 1000)]


def test_an_inventory_file_of_shopify_counts_what_was_filled_in(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    file = FILES / "47-shopify-inventory.csv"
    refused = ("--refused", tmp_path / "refused.csv")
    code, output = count(storehouse, file, "--preset", "shopify", *refused)

    assert code == 0
    assert "1 counted, 2 skipped, 0 refused" in output
    assert "left out as not stocked there: row 3" in output
    assert "left out as not counted: row 4" in output
    assert levels(storehouse) == {"A-1": 90, "B-1": 98}
    assert events(storehouse)[2:] == ["stock.counted.v2"]


def test_an_inventory_file_is_recognized(storehouse: RunningServices) -> None:
    code, output = count(storehouse, FILES / "47-shopify-inventory.csv")

    assert code == 2
    assert "--preset shopify" in output


def test_a_sku_that_is_stocked_at_several_places_is_refused(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    header = "SKU,Location,On hand (current),On hand (new)"
    rows = [["A-1", "Shop", "50", "40"], ["A-1", "Shed", "48", ""]]
    file = a_csv(tmp_path / "shopify.csv", header, rows)
    code, output = count(storehouse, file, "--preset", "shopify")

    assert code == 1
    assert "A-1 is stocked at 2 locations (Shop, Shed)" in output
    assert levels(storehouse) == STOCK


def test_the_same_file_again_changes_nothing_whatever_moved_meanwhile(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    file = a_csv(tmp_path / "c.csv", "sku,count", [["A-1", "90"], ["B-1", "98"]])
    assert "2 counted, 0 skipped, 0 refused" in count(storehouse, file)[1]
    receipt = a_csv(tmp_path / "r.csv", "sku,quantity", [["A-1", "5"]])
    receive(storehouse, receipt)
    before = events(storehouse)

    code, output = count(storehouse, file)

    assert code == 0
    assert "0 counted, 2 skipped, 0 refused" in output
    assert levels(storehouse)["A-1"] == 95
    assert events(storehouse) == before


def test_mended_rows_are_counted_and_the_others_not_again(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    rows = [["A-1", "90", "3"], ["B-1", "many", ""], ["C-1", "1", ""], ["A-1", "2", ""]]
    file = a_csv(tmp_path / "c.csv", "sku,on_hand,reorder_point", rows)
    code, _ = count(storehouse, file)
    refused = tmp_path / "c.csv.refused.csv"
    reasons = [row["reason"] for row in rows_of(refused)]

    assert code == 1
    assert reasons[0].startswith("on_hand is 'many', expected")
    assert reasons[1:] == [
        "there is no stock item C-1",
        "A-1 is counted in row 2 already; give one row with the sum",
    ]
    assert "stock.counted.v2" in events(storehouse)

    refused.write_text(refused.read_text("utf-8").replace("many", "7"), "utf-8")
    count(storehouse, refused)
    assert levels(storehouse)["B-1"] == 7


def test_an_export_can_be_counted_into_another_shop(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    points = a_csv(tmp_path / "p.csv", "sku,on_hand,reorder_point", [["A-1", 5, 2]])
    count(storehouse, points)
    exported = tmp_path / "stock.ndjson"
    inventory(storehouse, "export", "-o", exported)
    (tmp_path / "other").mkdir()
    with a_storehouse(tmp_path / "other") as other:
        with_stock(other, tmp_path, dict.fromkeys(STOCK, 0))
        code, _ = count(other, exported)
        again = tmp_path / "again.ndjson"
        inventory(other, "export", "-o", again)

    assert code == 0
    assert again.read_bytes() == exported.read_bytes()


def test_names_that_look_like_formulas_are_exported_and_counted(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    given: list[dict[str, object]] = [
        {"sku": sku, "name": "Lamp"} for sku in ("=A1", "-A2", "'0018", '="0017"')
    ]
    products = some_ndjson(tmp_path / "p.ndjson", given)
    run(storehouse.context("catalog").cli, "import", products)
    inventory(storehouse, "export", "-o", tmp_path / "s.csv")

    code, output = count(storehouse, tmp_path / "s.csv")

    assert code == 0, output
    assert "6 counted, 0 skipped, 0 refused" in output


def test_a_reason_that_is_none_is_refused_before_the_file_is_read(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    asked = ("import-counts", tmp_path / "none.csv", "--reason", " ")
    code, output = inventory(storehouse, *asked)

    assert code == 2
    assert "reason is" in output


def test_receipts_without_references_are_booked_once_a_file_and_row(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    rows = [["A-1", "2"], ["A-1", "2"], ["B-1", "0"]]
    file = a_csv(tmp_path / "r.csv", "sku,quantity", rows)
    _, first = receive(storehouse, file)
    _, again = receive(storehouse, file)

    assert "2 received, 0 skipped, 1 refused" in first
    assert "0 received, 2 skipped, 1 refused" in again
    assert levels(storehouse) == {"A-1": 102, "B-1": 98}


def test_a_delivery_is_booked_once_in_whatever_file(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    header = "sku,quantity,reference"
    first = a_csv(tmp_path / "1.csv", header, [["A-1", "2", "LS 1/7"]])
    later = a_csv(
        tmp_path / "2.csv",
        header,
        [["A-1", "2", "LS 1/7"], ["A-1", "3", "LS 1/8"], ["A-1", "9", "LS 1/8"]],
    )
    receive(storehouse, first)
    code, output = receive(storehouse, later)

    assert code == 1
    assert "1 received, 1 skipped, 1 refused" in output
    assert "delivery LS 1/8 was received on" in output
    assert levels(storehouse)["A-1"] == 103


def test_receipts_are_read_as_ndjson(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    lines: list[dict[str, object]] = [
        {"sku": "A-1", "quantity": 1},
        {"sku": "A-1", "quantity": "1"},
    ]
    code, output = receive(storehouse, some_ndjson(tmp_path / "r.ndjson", lines))

    assert code == 1
    assert "1 received, 0 skipped, 1 refused" in output


def test_rows_on_the_standard_input_are_rows_of_a_file(
    storehouse: RunningServices, tmp_path: Path
) -> None:
    cli = storehouse.context("inventory").cli
    said = ["-", "--format", "csv", "--refused", str(tmp_path / "refused.csv")]
    counted = ["import-counts", *said, "--reason", "Stocktake"]
    for given, text, done in (
        (counted, "sku,count\nA-1,90\n", "counted"),
        (["import-receipts", *said], "sku,quantity\nB-1,2\n", "received"),
    ):
        for result in (f"1 {done}, 0 skipped", f"0 {done}, 1 skipped"):
            assert result in CliRunner().invoke(cli, given, input=text).output

    assert levels(storehouse) == {"A-1": 90, "B-1": 100}


@pytest.mark.proof_on("postgresql", "after")
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["instead of", "after"])
def test_after_a_crash_at_any_commit_a_repeated_file_books_each_row_once(
    databases: Databases, tmp_path: Path, moment: object
) -> None:
    rows = [["A-1", "1"]] * 6
    file = a_csv(tmp_path / "r.csv", "sku,quantity", rows)
    with a_storehouse(databases) as storehouse:
        with_stock(storehouse, tmp_path, STOCK)
    crashed, number = True, 0
    while crashed:
        number += 1
        with a_copy_of(databases, tmp_path / str(number)) as copy:
            with (
                a_storehouse(copy) as storehouse,
                pytest.MonkeyPatch.context() as patch,
            ):
                patch.setattr(bulk_run, "CHUNK", 2)
                crash_at_commit(patch, number, moment)  # type: ignore[arg-type] # as above
                try:
                    receive(storehouse, file)
                    crashed = False
                except Crash:
                    patch.undo()
            with a_storehouse(copy) as storehouse:
                receive(storehouse, file)
                assert levels(storehouse)["A-1"] == 104
    assert number > 3
