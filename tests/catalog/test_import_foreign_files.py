"""`catalog import` of files as people export them."""

from pathlib import Path

from tests.catalog.listings import listed
from tests.storehouses import a_storehouse, run

FILES = Path(__file__).parents[1] / "data" / "files"


def imported(
    where: Path, name: str, *options: str | Path
) -> tuple[int, str, list[str]]:
    """The exit code, the output, and the SKUs that are listed."""
    with a_storehouse(where) as storehouse:
        result = run(
            storehouse.context("catalog").cli,
            "import",
            FILES / name,
            "--refused",
            where / "refused.csv",
            *options,
        )
        skus = [product["code"] for product in listed(storehouse)]
    return result.exit_code, result.output, skus


def test_skus_that_look_like_numbers_stay_as_they_are(tmp_path: Path) -> None:
    code, output, skus = imported(tmp_path, "02-zeros.csv")

    assert (code, sorted(skus)) == (0, ["0017", "1.23E+11", "90.750"])
    assert "a spreadsheet may have made of long numbers" in output
    assert "as they stand: row 4" in output


def test_counts_are_read_as_people_write_them_or_refused(tmp_path: Path) -> None:
    code, output, skus = imported(tmp_path, "13-stock.csv")

    assert (code, skus) == (1, ["Q-1", "Q-4", "Q-5"])
    assert "row 4: Q-3: stock_count is '1,000', expected 1000 or 1, as digits" in output
    for refused in ("row 3: Q-2: stock_count is '-1'", "row 7: Q-6:", "row 8: Q-7:"):
        assert refused in output
