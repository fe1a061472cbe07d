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


def test_skus_of_others_are_registered_and_the_same_ones_refused(
    tmp_path: Path,
) -> None:
    code, output, skus = imported(tmp_path, "03-skus.csv")

    assert (code, skus) == (
        1,
        [
            "123456 Oaktree",
            "AB/12-X",
            "ÄPFEL-1",
            "abc-1",
            "SKU123",
            "NB-1",
            "#77",
            "(M)-5",
        ],
    )
    assert (
        "row 6: ABC-1: ABC-1 is the same as abc-1, which is already registered as "
        "'lower'\n"
    ) in output
    assert "row 8: SKU123: SKU123 is already registered as 'Trailing'" in output


def test_names_that_nobody_can_see_are_refused_by_name(tmp_path: Path) -> None:
    code, output, skus = imported(tmp_path, "37-invisible.csv")

    assert (code, skus) == (1, ["NB-1", "NB\u2011 3"])
    for row, fault in {
        3: "sku is '\\u200bNB-2', expected 1 to 64 visible characters, with single "
        "spaces within: it has U+200B",
        5: "name is '\\u200b', expected 1 to 200 characters without control "
        "characters: nothing of it can be seen",
        6: "name is '\\u202egnp.txt', expected 1 to 200 characters without control "
        "characters: it has U+202E, which changes the order of what is read",
        7: "name is '', expected 1 to 200 characters",
        8: "sku is '\\u2060NB-7', expected",
        9: "sku is '\\xadNB-8', expected",
    }.items():
        assert f"row {row}: " in output
        assert fault in output


def test_counts_are_read_as_people_write_them_or_refused(tmp_path: Path) -> None:
    code, output, skus = imported(tmp_path, "13-stock.csv")

    assert (code, skus) == (1, ["Q-1", "Q-4", "Q-5"])
    assert "row 4: Q-3: stock_count is '1,000', expected 1000 or 1, as digits" in output
    for refused in ("row 3: Q-2: stock_count is '-1'", "row 7: Q-6:", "row 8: Q-7:"):
        assert refused in output
