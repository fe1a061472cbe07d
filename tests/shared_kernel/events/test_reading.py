"""An event that a reader cannot read: the error has the field as an attribute."""

import attrs
import pytest

from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.reading import read_all, read_as
from tests.shared_kernel.events.builders import an_envelope


@attrs.frozen(kw_only=True)
class LampSeen:
    sku: str
    watts: int
    colour: str | None = None


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'{"sku":"A"}', "watts"),
        (b'{"watts":5}', "sku"),
        (b'{"sku":"A","watts":"bright"}', "watts"),
        (b'{"sku":"A","watts":5,"colour":7}', "colour"),
        (b'["A",5]', None),
        (b'{"sku":', None),
        (b"\xff", None),
    ],
)
def test_the_field_that_is_missing_or_of_another_type(
    data: bytes, field: str | None
) -> None:
    with pytest.raises(UnreadableEventError) as raised:
        read_as(LampSeen, attrs.evolve(an_envelope(1), data=data))

    assert raised.value.field == field
    assert field is None or field in str(raised.value)


def test_it_is_that_of_the_first_event_that_fails() -> None:
    batch = [
        attrs.evolve(an_envelope(1), data=b'{"sku":"A","watts":"5"}'),
        attrs.evolve(an_envelope(2), data=b'{"sku":"A"}'),
        attrs.evolve(an_envelope(3), data=b'{"watts":5}'),
    ]

    with pytest.raises(UnreadableEventError, match="position 2") as raised:
        read_all(LampSeen, batch)

    assert raised.value.field == "watts"
