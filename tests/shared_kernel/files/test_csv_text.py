"""What we write as CSV runs nothing in a spreadsheet, and reads back exactly."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_kernel.files.csv_text import csv_lines, defused, undone

NASTY = st.text(
    st.sampled_from("=+-@\t\r\n'\"; ,1A\uff1d") | st.characters(codec="utf-8"),
    max_size=12,
)


@settings(max_examples=60)
@given(NASTY)
def test_any_text_reads_back_from_a_cell_that_runs_nothing(text: str) -> None:
    assert undone(defused(text)) == text
    assert defused(text)[:1] not in set("=+-@\t\r\n")


@settings(max_examples=60)
@given(st.lists(st.tuples(NASTY, NASTY), max_size=5))
def test_rows_read_back_from_lines(rows: list[tuple[str, str]]) -> None:
    read = csv.reader(io.StringIO(csv_lines(rows), newline=""), strict=True)

    assert [tuple(map(undone, row)) for row in read] == rows


@pytest.mark.parametrize("text", ["'", "'0018", "''tis", "it's", ""])
def test_a_given_apostrophe_is_kept(text: str) -> None:
    assert undone(defused(text)) == text


def test_a_cell_that_needs_no_apostrophe_gets_none() -> None:
    assert csv_lines([["LAMP-1", None, 5]]) == "LAMP-1,,5\r\n"
