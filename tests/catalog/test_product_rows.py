"""Any file: rows = read + refused; what is refused is so again until it is mended."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog.adapters.product_rows import AS_WRITTEN, COLUMNS, product_from
from shared_kernel.files.columns import REASON
from shared_kernel.files.csv_text import cell_of_name, csv_lines
from shared_kernel.files.errors import LostLinesError, UnusableFileError
from shared_kernel.files.outcomes import Refused
from shared_kernel.files.reading import Reading
from shared_kernel.files.row_file import CSV, NDJSON, RowFile


def read(content: bytes, form: str) -> tuple[int, list[Refused], Sequence[str]]:
    """How many rows were good, those that were not, and the columns."""
    with RowFile(Path("f"), COLUMNS, Reading(form=form), io.BytesIO(content)) as file:
        rows = [row for chunk in file.chunks(2) for row in chunk]
        columns = [name for name in file.header if name != REASON]
    products = [product_from(row, AS_WRITTEN) for row in rows]
    refused = [each for each in products if isinstance(each, Refused)]
    return len(products) - len(refused), refused, columns


def written(refused: Sequence[Refused], columns: Sequence[str], filled: bool) -> bytes:
    """The file of refused rows; a spreadsheet fills it up with empty cells."""
    rows = [
        [*columns, REASON],
        *([*each.row.in_columns(columns), each.reason] for each in refused),
    ]
    width = max(map(len, rows)) if filled else 0
    return csv_lines([row + [""] * (width - len(row)) for row in rows]).encode()


CELLS = st.text(st.sampled_from("A1\",;'=- x\té"), max_size=5) | st.sampled_from(
    ["'0018", '="0017"', "''9", "=A1", "'=A1", "1,000", "5.0", '{"sku": "A"}', "A\nB"]
)
LINES = st.lists(CELLS, max_size=5).map(",".join) | st.lists(CELLS, min_size=3).map(
    lambda cells: csv_lines([cells]).rstrip()
)


@pytest.mark.slow
@settings(max_examples=100)
@given(
    st.lists(LINES, max_size=5).map("\n".join),
    st.sampled_from(["", ",", ",,", ",,colour"]),
    st.booleans(),
)
@example('A,"15 inch\nB,Lamp,5', "", True)
@example("A,Lamp", "", True)
@example("A,Lamp, brass,5", ",", True)
@example(',,"A\nB",\'0018,', ",", False)
def test_what_is_refused_of_a_csv_is_refused_again(
    body: str, more: str, filled: bool
) -> None:
    _, refused, columns = read(f"sku,name,stock_count{more}\n{body}".encode(), CSV)

    good, again, _ = read(written(refused, columns, filled), CSV)

    assert good == 0
    # Of a row with lines, one that looks like a row is one then.
    assert len(again) >= len(refused)


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [
                '{"sku": "A", "name": "Lamp", "stock_count": "5"}',
                '{"sku": "A", "name": "Lamp", "sku": "B"}',
                '{"sku": "A", "name": "Lamp", "colour": "red"}',
                '{"sku": "A", "name": ""}',
                '{"sku": "A", "name"',
                '["A", "Lamp"]',
                "Lamp",
                '{"sku": "A", "name": "Lamp"}',
            ]
        ),
        max_size=5,
    ),
    st.booleans(),
)
def test_what_is_refused_of_ndjson_is_refused_again(
    lines: list[str], filled: bool
) -> None:
    _, refused, columns = read("\n".join(lines).encode(), NDJSON)

    good, again, _ = read(written(refused, columns, filled), CSV)

    assert (good, len(again)) == (0, len(refused))


def test_a_line_of_ndjson_is_mended_in_the_file_of_refused_rows() -> None:
    given = b'{"sku": "A", "name": "Lamp", "stock_count": "5"}\n'
    _, refused, columns = read(given, NDJSON)

    text = written(refused, columns, filled=False).decode()

    assert read(text.replace('""5""', "5").encode(), CSV)[:2] == (1, [])


def test_a_row_of_too_many_cells_is_mended_in_the_file_of_refused_rows() -> None:
    _, refused, columns = read(b"sku,name\nA,Lamp, brass\n", CSV)

    text = written(refused, columns, filled=False).decode()

    assert read(text.replace("Lamp, brass", '"Lamp, brass"').encode(), CSV)[0] == 1


@settings(max_examples=60)
@given(st.binary(max_size=40), st.sampled_from([CSV, NDJSON]))
def test_any_bytes_are_rows_that_are_read_or_refused(content: bytes, form: str) -> None:
    """RowFile raises LostLinesError if a line is in no row."""
    head = b"sku,name\n" if form == CSV else b""
    try:
        _, refused, _ = read(head + content, form)
    except LostLinesError:
        raise
    except UnusableFileError:
        return
    assert all(each.reason for each in refused)


@pytest.mark.parametrize("sku", ["'0018", "=A1", "''x", "'=A1", "+5", "-", "@a"])
def test_a_name_like_a_spreadsheets_is_written_so_that_it_is_read(sku: str) -> None:
    text = csv_lines([["sku", "name"], [cell_of_name(sku), "Lamp"]])
    with RowFile(Path("f.csv"), COLUMNS, file=io.BytesIO(text.encode())) as file:
        [[row]] = file.chunks(5)

    assert (row.values["sku"], row.fault) == (sku, None)
