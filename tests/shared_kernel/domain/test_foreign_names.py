"""Names that others gave: any that can be seen and written on one line."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.foreign_names import PATTERN, RouteWords
from shared_kernel.domain.sku import Sku


@pytest.mark.parametrize(
    "code",
    [
        "LAMP-0001",
        "123456 Oaktree",
        "AB/12-X",
        "ÄPFEL-1",
        "#77",
        "(M)-5",
        "50%",
        "-1",
        ".5",
        "…",
        "灯-1",
        "क्षेत्र",
        "🚀",
        "a name",
        "name/a",
        "x" * 64,
    ],
)
def test_a_sku_is_kept_as_others_give_it(code: str) -> None:
    assert Sku(code).code == code
    assert re.match(PATTERN, code)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("", "1 to 64 visible characters"),
        ("x" * 65, "it has 65 characters"),
        (" A", "spaces around it"),
        ("A ", "spaces around it"),
        ("A  B", "several in a row"),
        ("A\u00a0B", "U+00A0"),
        ("A\tB", "U+0009"),
        ("A\n", "U+000A"),
        ("\u200bNB-2", "U+200B"),
        ("\u2060NB-7", "U+2060"),
        ("\u00adNB-8", "U+00AD"),
        ("A\u200dB", "U+200D"),
        ("\u202eA", "U+202E"),
        ("A\u2028", "U+2028"),
        ("\ue000", "U+E000"),
        ("\U000f0000", "U+F0000"),
        ("\u0378", "U+0378"),
        ("\ud800", "U+D800"),
        ("A\ufe0f", "U+FE0F"),
        ("\u3164", "U+3164"),
        ("Caf\ufffd", "U+FFFD"),
        (None, "1 to 64 visible characters"),
        (5, "1 to 64 visible characters"),
    ],
)
def test_what_cannot_be_seen_is_no_sku(code: str, fault: str) -> None:
    with pytest.raises(InvalidValue, match="sku is ") as refused:
        Sku(code)

    assert fault in refused.value.expected


@pytest.mark.parametrize(
    "code",
    [".", "..", "/", "A/", "/A", "A//B", "A/./B", "../A"],
)
def test_what_would_make_a_path_ambiguous_is_no_sku(code: str) -> None:
    with pytest.raises(InvalidValue, match="sku"):
        Sku(code)


WORDS = RouteWords(after_names=["cancel", "lines"], beside_names=["imports"])


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("imports", "imports"),
        ("imports/1", "imports"),
        ("A/cancel", "/cancel"),
        ("A/lines/B", "/lines"),
        ("imports/lines", "/lines"),
    ],
)
def test_a_new_name_with_a_word_of_a_route_is_refused(name: str, word: str) -> None:
    assert Sku(name).code == name  # It may be older than the route.

    with pytest.raises(InvalidValue, match=f"order is .* '{word}' has a meaning"):
        WORDS.check("order", name)


@pytest.mark.parametrize("name", ["A", "cancel", "cancel/A", "A/imports", "A/Cancel"])
def test_a_name_that_only_resembles_a_route_is_kept(name: str) -> None:
    WORDS.check("order", name)


@given(st.text(max_size=70))
@example("e\u0301" * 33)
@example("ﷺ" * 64)
def test_a_name_is_refused_or_kept_in_its_composed_form(text: str) -> None:
    try:
        code = Sku(text).code
    except InvalidValue as refused:
        assert refused.expected.startswith("1 to 64 visible characters")  # noqa: PT017
        return

    assert code == unicodedata.normalize("NFC", text)
    assert Sku(code) == Sku(unicodedata.normalize("NFD", text)) == Sku(text)
    assert len(code) <= 64
    assert re.match(PATTERN, code)
    assert not {unicodedata.category(character)[0] for character in code} & {"C"}


@pytest.mark.parametrize(
    ("one", "other"),
    [("abc-1", "ABC-1"), ("ÄPFEL", "äpfel"), ("Ａ１", "a1"), ("ſ", "S"), ("ß", "SS")],
)
def test_names_that_differ_in_case_or_compatibility_form_are_the_same_folded(
    one: str, other: str
) -> None:
    assert Sku(one).folded == Sku(other).folded
    assert Sku(one) != Sku(other)


def test_names_that_differ_in_an_accent_differ() -> None:
    assert Sku("cafe").folded != Sku("café").folded
