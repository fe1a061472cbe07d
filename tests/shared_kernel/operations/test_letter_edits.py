"""Values of fields, as an operator types them."""

import json

import pytest

from shared_kernel.operations.letter_edits import differences, with_fields
from shared_kernel.repair.payloads import InvalidPayloadError

LAMP = b'{"name": "Lamp", "watts": 40, "tags": []}'


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("watts", "41", 41),
        ("watts", '"41"', "41"),
        ("watts", "null", None),
        ("watts", "bright", "bright"),
        ("name", "Desk lamp", "Desk lamp"),
        ("name", "17", "17"),
        ("name", "true", "true"),
        ("name", '"17"', "17"),
        ("name", "null", None),
        ("name", "", ""),
        ("tags", '["warm"]', ["warm"]),
        ("colour", "red", "red"),
        ("lumens", "480", 480),
    ],
)
def test_a_value_is_json_or_text_and_text_stays_text(
    field: str, text: str, value: object
) -> None:
    edited = json.loads(with_fields(LAMP, [(field, text)]))

    assert edited == json.loads(LAMP) | {field: value}


def test_fields_keep_their_order() -> None:
    edited = with_fields(LAMP, [("watts", "41"), ("name", "Desk lamp")])

    assert list(json.loads(edited)) == ["name", "watts", "tags"]


@pytest.mark.parametrize("data", [b"[1]", b"{}", b"\xff", b'{"name"'])
def test_only_an_object_has_fields_that_can_be_set(data: bytes) -> None:
    with pytest.raises(InvalidPayloadError, match="give all of it with --data"):
        with_fields(data, [("name", "Lamp")])


def test_only_what_differs_is_marked() -> None:
    lines = list(differences(LAMP, with_fields(LAMP, [("watts", "41")])))

    marked = [line for line in lines if line[0] in "+-"]
    assert marked == ["--- before", "+++ after", '-  "watts": 40,', '+  "watts": 41,']
