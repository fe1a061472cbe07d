"""Every place that `docs/concepts.md` names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "concepts.md").read_text("utf-8")
ROWS = re.findall(r"^\| (?!idea|---)(.+?) \| (.+?) \| (.+) \|$", DOCUMENT, re.MULTILINE)
PLACES = sorted({place for *_, where in ROWS for place in re.findall("`(.+?)`", where)})


def test_each_concept_has_one_row_with_a_place() -> None:
    concepts = [concept for concept, *_ in ROWS]

    assert len(concepts) > 40
    assert len(set(concepts)) == len(concepts)
    assert all(re.search("`.+?`", where) for *_, where in ROWS)


@pytest.mark.parametrize("place", PLACES)
def test_the_place_exists(place: str) -> None:
    path, _, name = place.partition("#")
    file = ROOT / path

    assert file.is_file()
    if not name:
        return
    text = file.read_text("utf-8")
    if file.suffix == ".py":
        assert re.search(rf"^\s*(?:class|def|async def) {name}\b", text, re.MULTILINE)
    else:
        assert name in text
