"""The lock: complete, current, and without the addresses of package indexes."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^([a-z0-9-]+)==([^\s;]+)(?: ; [^\\]+)? \\$")


def lines_of(lock: Path) -> list[str]:
    return [
        line
        for line in lock.read_text(encoding="utf-8").splitlines()
        if not line.lstrip().startswith("#")
    ]


def pins_of(lock: Path) -> dict[str, str]:
    return {pin[1]: pin[2] for pin in map(PIN.match, lines_of(lock)) if pin is not None}


def declared() -> Iterable[Requirement]:
    project: dict[str, Any] = tomllib.loads(
        (ROOT / "pyproject.toml").read_text("utf-8")
    )
    lists = [
        project["project"]["dependencies"],
        *project["project"].get("optional-dependencies", {}).values(),
        *project["dependency-groups"].values(),
    ]
    return [Requirement(line) for lines in lists for line in lines]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_has_no_network_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")

    assert "://" not in text
    assert (
        re.search(r"^\s*(-i|-f|--\S*(index|find-links|host))\b", text, re.MULTILINE)
        is None
    )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_line_of_a_lock_is_a_version_or_its_hash(lock: Path) -> None:
    unexpected = [
        line
        for line in lines_of(lock)
        if not PIN.match(line)
        and not re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?", line)
    ]

    assert unexpected == []


@pytest.mark.parametrize("requirement", declared(), ids=lambda one: one.name)
def test_the_lock_pins_each_declared_requirement(requirement: Requirement) -> None:
    pinned = pins_of(ROOT / "requirements" / "dev.txt")

    version = pinned.get(canonicalize_name(requirement.name))

    assert version is not None, "run `make lock`"
    assert requirement.specifier.contains(version), "run `make lock`"


def test_the_installer_is_pinned_to_the_same_version() -> None:
    first = pins_of(ROOT / "requirements" / "uv.txt")

    assert first.items() <= pins_of(ROOT / "requirements" / "dev.txt").items()
