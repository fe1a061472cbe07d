"""Each bus has a page, and all pages tell the same things in the same order."""

import re
from pathlib import Path

import pytest

from shared_kernel.runtime.setting import SCHEMES

FOLDER = Path(__file__).parents[2] / "docs" / "buses"
INDEX = (FOLDER / "README.md").read_text("utf-8")
TLS_TWINS = {"rediss"}
HEADINGS = [
    "What is mapped to what",
    "What is guaranteed",
    "What is lost, and how that is healed",
    "What others see",
    "Try it",
]
PAGES = {
    scheme: page
    for schemes, page in re.findall(r"^\| \[(`.*?`)\]\((.*?)\) \|", INDEX, re.MULTILINE)
    for scheme in re.findall(r"`([a-z0-9+]+):", schemes)
}


def test_the_index_has_each_scheme() -> None:
    assert set(PAGES) == set(SCHEMES)


def test_no_page_is_missing_in_the_index() -> None:
    written = {page.name for page in FOLDER.glob("*.md")} - {"README.md"}

    assert set(PAGES.values()) == written


@pytest.mark.parametrize("scheme", sorted(set(PAGES) - TLS_TWINS))
def test_a_page_has_the_same_headings_as_all_others(scheme: str) -> None:
    text = (FOLDER / PAGES[scheme]).read_text("utf-8")

    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert f"`BUS_URL={scheme}:" in text


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in FOLDER.glob("*.md"):
        for target in re.findall(
            r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")
        ):
            assert (FOLDER / target).exists(), f"{page.name}: {target}"
