"""A seal covers everything in an envelope."""

from typing import Any

import attrs
import pytest

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.events.seal import opens, sealed
from tests.shared_kernel.events.builders import an_envelope

KEY, ANOTHER = "5e" * 32, "a7" * 32
EVENT = attrs.evolve(
    an_envelope(7), log="log", traceparent=f"00-{'1' * 32}-{'2' * 16}-01", time_us=9
)
BEAT = heartbeat("shop", 7, 9, "log", ["one"])
FIELDS = [field.name for field in attrs.fields(Envelope)]


def changed(value: Any) -> Any:
    match value:
        case int():
            return value + 1
        case bytes():
            return value + b" "
        case str():
            return f"{value}x"
        case _:
            return "00"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("envelope", [EVENT, BEAT], ids=["event", "heartbeat"])
def test_an_envelope_with_any_change_does_not_open(
    envelope: Envelope, field: str
) -> None:
    there = sealed(envelope, KEY, previous="before", relay="relay")
    assert opens(there, [KEY])

    altered = attrs.evolve(there, **{field: changed(getattr(there, field))})

    assert not opens(altered, [KEY])


@pytest.mark.parametrize(
    ("one", "other"), [("log", "source"), ("id", "type"), ("previous", "relay")]
)
def test_bytes_cannot_move_between_attributes(one: str, other: str) -> None:
    there = sealed(EVENT, KEY, previous="before", relay="relay")
    both = getattr(there, one) + getattr(there, other)

    assert not opens(attrs.evolve(there, **{one: both, other: ""}), [KEY])


def test_one_of_the_keys_must_match() -> None:
    there = sealed(EVENT, KEY, previous="", relay="relay")

    assert opens(there, [ANOTHER, KEY])
    assert not opens(there, [ANOTHER])
    assert not opens(there, [])
