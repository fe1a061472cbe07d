"""Every setting is documented, and every documented setting exists."""

import re
from pathlib import Path

import attrs

from app import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "running.md"


def test_every_setting_is_documented_with_its_default() -> None:
    # A row of the table: | `NAME` | default | meaning |
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| ([^|]+) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    documented = {name: default.strip("` ") for name, default in rows}

    assert documented == {
        field.metadata["env"]: as_documented(getattr(Settings(), field.name))
        for field in attrs.fields(Settings)
    }


def as_documented(default: object) -> str:
    if default is None:
        return "unset"
    if isinstance(default, frozenset):
        return ",".join(sorted(default))
    return str(default)
