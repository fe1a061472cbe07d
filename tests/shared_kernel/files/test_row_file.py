"""Files as people export them: each line is read, or refused with its text."""

import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_kernel.files import row_file
from shared_kernel.files.columns import Columns
from shared_kernel.files.csv_records import AFTER_QUOTE, NEVER_CLOSED
from shared_kernel.files.csv_text import csv_lines, undone
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.reading import DELIMITERS, Reading
from shared_kernel.files.row_file import SPANS_ROWS, Row, RowFile

COLUMNS = Columns(required=("sku", "name"), optional=("stock_count", "description"))
REASON = "the reason"


def rows_of(
    content: bytes | str, reading: Reading | None = None, columns: Columns = COLUMNS
) -> list[Row]:
    data = content.encode() if isinstance(content, str) else content
    with RowFile(
        Path("f.csv"), columns, reading or Reading(), io.BytesIO(data)
    ) as file:
        return [row for chunk in file.chunks(100) for row in chunk]


def good(rows: Sequence[Row]) -> list[dict[str, str]]:
    return [dict(row.values) for row in rows if row.fault is None]


def test_a_quote_that_is_never_closed_costs_its_own_line() -> None:
    rows = rows_of('sku,name\nA,"15 inch\nB,Lamp\nC,Chair\n')

    assert [(row.number, row.fault) for row in rows] == [
        (2, NEVER_CLOSED),
        (3, None),
        (4, None),
    ]
    assert rows[0].cells == ['A,"15 inch']


def test_a_quote_that_a_later_row_closes_costs_no_row_between() -> None:
    rows = rows_of('sku,name\nA,"15 inch\nB,Lamp\nC,"a ""big"" one"\nD,Chair\n')

    assert [row.values.get("sku") for row in rows if not row.fault] == ["B", "C", "D"]


def test_text_behind_a_closing_quote_costs_its_own_line() -> None:
    rows = rows_of('sku,name\nA,15" monitor\nB,"19" monitor"\nC,"24"" monitor"\n')

    assert [row.values.get("name") for row in rows] == [
        '15" monitor',
        None,
        '24" monitor',
    ]
    assert (rows[1].fault, rows[1].cells) == (AFTER_QUOTE, ['B,"19" monitor"'])


def test_a_cell_may_have_lines() -> None:
    rows = rows_of('sku,name,description\r\nA,Lamp,"warm\r\nlight"\r\nB,Chair,\r\n')

    assert good(rows)[0]["description"] == "warm\r\nlight"
    assert [row.number for row in rows] == [2, 4]


def test_a_row_of_another_width_keeps_all_its_cells() -> None:
    (row,) = rows_of("sku,name,description\nA,Lamp, brass,warm\n")

    assert row.fault == "4 values where the header has 3 columns"
    assert row.cells == ["A", "Lamp", " brass", "warm"]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("mark", DELIMITERS)
def test_any_delimiter_and_any_line_end_is_recognized(end: str, mark: str) -> None:
    text = end.join(mark.join(cells) for cells in (["sku", "name"], ["A", "Lamp"]))

    assert good(rows_of(text)) == [{"sku": "A", "name": "Lamp"}]


def test_a_first_line_may_say_the_separator() -> None:
    assert good(rows_of("sep=;\nsku;name\nA;a,b\n")) == [{"sku": "A", "name": "a,b"}]


def test_names_of_columns_are_recognized_in_any_form() -> None:
    rows = rows_of('SKU,Name,"Stock\nCount"\nA,Lamp,5\n')

    assert good(rows) == [{"sku": "A", "name": "Lamp", "stock_count": "5"}]


def test_columns_may_be_mapped() -> None:
    reading = Reading(names={"Variant SKU": "sku", "Title": "name"})

    assert good(rows_of("Variant SKU,Title\nA,Lamp\n", reading)) == [
        {"sku": "A", "name": "Lamp"}
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"Title": "colour"}, "there is no column 'colour'"),
        ({"Titel": "name"}, "--map: no column Titel"),
    ],
)
def test_a_map_that_fits_nothing_is_refused(names: dict[str, str], said: str) -> None:
    with pytest.raises(UnusableFileError, match=said):
        rows_of("sku,name,Title\n", Reading(names=names))


def test_columns_that_mean_nothing_are_left_out_and_named_once() -> None:
    data = io.BytesIO(b"sku,name,colour\nA,Lamp,red\n")
    with RowFile(Path("f.csv"), COLUMNS, Reading(), data) as file:
        list(file.chunks(10))

        assert file.remarks.lines() == ["columns that are left out: colour"]


def test_empty_columns_and_rows_of_separators_are_nothing() -> None:
    rows = rows_of("sku,name,,\nA,Lamp,,\n,,,\n\nB,Chair,,\n")

    assert [row.values["sku"] for row in rows] == ["A", "B"]
    assert not any(row.fault for row in rows)


def test_a_column_without_a_name_before_others_is_left_out() -> None:
    assert good(rows_of(",sku,name\n0,A,Lamp\n")) == [
        {"column 1": "0", "sku": "A", "name": "Lamp"}
    ]


def test_a_map_is_meant_before_the_name_of_another_column() -> None:
    reading = Reading(names={"Variant SKU": "sku"})

    (row,) = good(rows_of("SKU,Variant SKU,name\n7,A,Lamp\n", reading))

    assert (row["sku"], row["SKU"]) == ("A", "7")


def test_what_goes_with_csv_alone_is_refused_for_ndjson() -> None:
    with pytest.raises(UnusableFileError, match="go with CSV"):
        rows_of("{}", Reading(form="ndjson", delimiter=";"))


def test_all_lines_before_a_byte_that_is_no_text_are_read() -> None:
    content = b"sku,name\n" + b"A,Lamp\n" * 3 + b"B,Caf\xe9\n"
    with RowFile(Path("f.csv"), COLUMNS, file=io.BytesIO(content)) as file:
        chunks = file.chunks(100)

        assert len(next(chunks)) == 3
        with pytest.raises(UnusableFileError, match=r"line 5 is not UTF-8 .*0xe9"):
            next(chunks)


def test_a_quote_that_closes_behind_a_row_of_another_width_costs_its_own_line() -> None:
    rows = rows_of('sku,name\nA,"15 inch\nB,Lamp\n\nC,Chair\nD,5" cube",x\n')

    assert [row.values["sku"] for row in rows if not row.fault] == ["B", "C"]


def test_quoted_text_that_looks_like_rows_is_read_and_told() -> None:
    data = io.BytesIO(b'sku,name\nA,"15 inch\nB,Lamp\nC,20"\n')
    with RowFile(Path("f.csv"), COLUMNS, file=data) as file:
        [[row]] = file.chunks(10)

        assert row.values["name"] == "15 inch\nB,Lamp\nC,20"
        assert file.remarks.lines() == [f"{SPANS_ROWS}: row 2"]


def test_long_rows_make_short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_file, "LONGEST_CHUNK", 25)
    data = io.BytesIO(b"sku,name\n" + b"A,Lamp....\n" * 6)
    with RowFile(Path("f.csv"), COLUMNS, file=data) as file:
        assert [len(chunk) for chunk in file.chunks(100)] == [2, 3, 1]


def test_text_in_a_column_without_a_name_is_refused() -> None:
    (row,) = rows_of("sku,name,\nA,Lamp,x\n")

    assert row.fault == "a value stands in a column without a name"
    assert row.cells == ["A", "Lamp", "x"]


@pytest.mark.parametrize(
    ("encoded", "encoding"),
    [("utf-8-sig", None), ("utf-16", None), ("cp1252", "cp1252")],
)
def test_encodings(encoded: str, encoding: str | None) -> None:
    content = "sku,name\nA,Café\n".encode(encoded)

    assert good(rows_of(content, Reading(encoding=encoding)))[0]["name"] == "Café"


def test_a_mark_that_contradicts_the_encoding_is_refused() -> None:
    content = "sku,name\nA,Café\n".encode("utf-8-sig")

    with pytest.raises(UnusableFileError, match="leave --encoding out"):
        rows_of(content, Reading(encoding="cp1252"))


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "products.csv.gz"
    path.write_bytes(gzip.compress(b"sku,name\nA,Lamp\n"))

    with RowFile(path, COLUMNS) as file:
        assert good([row for chunk in file.chunks(10) for row in chunk]) == [
            {"sku": "A", "name": "Lamp"}
        ]


def test_what_is_sent_is_not_unpacked() -> None:
    with pytest.raises(UnusableFileError, match="unpack it first"):
        rows_of(gzip.compress(b"sku,name\n"))


def test_a_cell_of_any_length_keeps_its_text() -> None:
    name = "x" * 500_000

    assert good(rows_of(f'sku,name\nA,"{name}"\n'))[0]["name"] == name


def test_text_that_a_spreadsheet_wrote_as_a_formula_is_text() -> None:
    rows = rows_of('sku,name\n="0017",Lamp\n"=""0019""",Chair\n\'0018,Desk\n')

    assert [row.values["sku"] for row in rows] == ["0017", "0019", "'0018"]


def refused_again(rows: Sequence[Row], header: Sequence[str]) -> list[Row]:
    """The refused rows as read from the file that was written of them."""
    names = [name for name in header if name != "reason"]
    lines = [[*names, "reason"], *([*row.in_columns(names), REASON] for row in rows)]
    return rows_of(csv_lines(lines))


@settings(max_examples=150)
@given(
    st.lists(
        st.text(st.sampled_from("AB\",;\n\r'=- x\t"), max_size=12), max_size=6
    ).map("\n".join)
)
def test_any_file_loses_no_line_and_what_is_refused_is_refused_again(body: str) -> None:
    """RowFile raises LostLinesError if a line is in no row."""
    damaged = [row for row in rows_of(f"sku,name\n{body}") if row.fault]

    again = refused_again(damaged, ("sku", "name"))

    assert [row.cells for row in again] == [row.cells for row in damaged]
    assert all(row.fault for row in again)


@settings(max_examples=100)
@given(st.binary(max_size=60))
def test_any_bytes_are_rows_or_an_unusable_file(content: bytes) -> None:
    try:
        rows = rows_of(b"sku,name\n" + content)
    except UnusableFileError:
        return
    assert all(row.fault is None or row.cells for row in rows)


CELLS = st.text(st.sampled_from("ab\"' ,;|\t\n=+é"), max_size=6)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.just("A"), CELLS), max_size=4),
    st.sampled_from(DELIMITERS),
    st.sampled_from(["\n", "\r\n"]),
)
def test_the_same_rows_in_any_dialect(
    rows: list[tuple[str, str]], mark: str, end: str
) -> None:
    text = end.join(
        mark.join('"' + cell.replace('"', '""') + '"' for cell in row)
        for row in [("sku", "name"), *rows]
    )

    read = rows_of(text, Reading(delimiter=mark))

    assert [row.values["name"] for row in read] == [undone(name) for _, name in rows]
