"""The table of what ran everywhere: in the documents, and how it is written."""

import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from features import table_of_everywhere as written
from features.everywhere import PLACES, Outcome, Runner, cells_of, main
from tests.cluster import BUSES

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "docs/buses/README.md"]


def outcome(combination: str, passed: int = 9, *, good: bool = True) -> Outcome:
    return Outcome(
        combination=combination,
        seconds=1.0,
        good=good,
        scenarios=Counter(passed=passed),
    )


def rows(text: str) -> dict[str, list[str]]:
    found = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)
    return {bus: cells.split(" | ") for bus, cells in found}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_table_names_each_bus(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    table = text.partition(written.BEGIN)[2].partition(written.END)[0]

    assert list(rows(table)) == list(BUSES)
    assert "fails" not in table


def test_a_cell_says_how_many_passed_and_with_which_queues() -> None:
    assert cells_of(
        [
            outcome("nats:one:sqlite:sql"),
            outcome("nats:one:sqlite:redis"),
            outcome("redis:one:sqlite:sql"),
            outcome("redis:split:sqlite:sql", good=False),
            outcome("inprocess:split:sqlite:sql"),
        ]
    ) == {
        "nats:one:sqlite": "9 (redis, sql)",
        "redis:one:sqlite": "9 (sql)",
        "redis:split:sqlite": "**fails**",
        "inprocess:split:sqlite": "refused, by design",
    }


def test_a_run_writes_its_cells_and_leaves_the_others(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(f"before\n{written.BEGIN}{written.END}\nafter\n")

    written.write(document, {"nats:one:sqlite": "9 (sql)"}, PLACES)
    written.write(document, {"nats:split:sqlite": "8 (sql)"}, PLACES)
    text = document.read_text()

    assert text.startswith("before\n")
    assert text.endswith(f"{written.END}\nafter\n")
    assert rows(text)["nats"] == ["9 (sql)", "8 (sql)", "not run", "not run"]
    assert rows(text)["forged"] == ["–", "not run", "–", "–"]


def test_a_run_of_all_scenarios_writes_the_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "a.md"
    document.write_text(f"{written.BEGIN}{written.END}")
    monkeypatch.setattr(Runner, "run", lambda _, combination: outcome(combination))
    options = ["--only", "nats:one:sqlite", "--each-queue"]
    options += ["--write-table", str(document)]

    assert CliRunner().invoke(main, options).exit_code == 0
    assert rows(document.read_text())["nats"][0].startswith("9 (redis")
    assert rows(document.read_text())["inprocess"][0] == "9 (sql)"

    result = CliRunner().invoke(main, [*options, "--quick"])
    assert "needs all scenarios" in result.output


def test_a_document_without_the_marks_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("no table")

    with pytest.raises(written.NoMarksError, match=r"a\.md has no lines"):
        written.write(document, {}, PLACES)
