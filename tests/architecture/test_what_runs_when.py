"""`make test` proves each law, as CONTRIBUTING says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAWS = dict(
    re.findall(
        r"^\| (\d+) \| (`tests/.*`) \|$",
        (ROOT / "CONTRIBUTING.md").read_text("utf-8"),
        re.MULTILINE,
    )
)


def files_of(law: str) -> list[str]:
    return re.findall(r"`([^`]+)`", LAWS[law])


def test_every_law_has_tests() -> None:
    assert list(LAWS) == [str(number) for number in range(1, 12)]


@pytest.mark.slow
def test_each_of_them_runs_in_make_test() -> None:
    files = {file for law in LAWS for file in files_of(law)}
    collect = ["--collect-only", "-q", "-m", "not proof"]
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", *collect, *sorted(files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()

    run = {line.partition("::")[0] for line in collected if "::" in line}
    assert run == files
