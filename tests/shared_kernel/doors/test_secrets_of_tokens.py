"""What a token looks like."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_kernel.doors.secrets_of_tokens import digest_of, new_token

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


def test_a_token_has_a_prefix_256_bits_and_a_checksum() -> None:
    token = new_token()

    assert re.fullmatch(r"sh_[0-9A-Za-z]{49}", token)
    assert len(digest_of(token) or b"") == 32
    assert len({new_token() for _ in range(100)}) == 100


@given(st.binary(min_size=32, max_size=32))
def test_all_random_bits_are_in_the_token(random: bytes) -> None:
    token = new_token(lambda _: random)
    number = 0
    for digit in token[3:46]:
        number = number * 62 + DIGITS.index(digit)

    assert number == int.from_bytes(random)


@given(st.integers(0, 51), st.sampled_from(DIGITS))
def test_a_token_with_another_letter_is_none(place: int, letter: str) -> None:
    token = new_token(lambda _: b"storehouse" * 3 + b"12")
    changed = token[:place] + letter + token[place + 1 :]

    assert (digest_of(changed) is None) == (changed != token)


@pytest.mark.parametrize("shown", ["", "sh_", "Bearer x", "sh_" + "0" * 49, "é" * 52])
def test_what_is_no_token_has_no_digest(shown: str) -> None:
    assert digest_of(shown) is None
