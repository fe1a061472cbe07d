"""An edited payload of an older version is checked as the newest, which is applied."""

import attrs
import pytest

from shared_kernel.events.versions import Successor, Versions
from shared_kernel.repair.payloads import InvalidPayloadError, PublishedPayloads
from tests.shared_kernel.events.builders import an_envelope


@attrs.frozen(kw_only=True)
class LampLit2:
    """A lamp was lit; it says how bright, no longer how many watts."""

    sku: str
    lumens: int


def upcast(payload: dict[str, object]) -> dict[str, object]:
    watts = payload["watts"]
    assert isinstance(watts, int)
    return {"sku": payload["sku"], "lumens": 12 * watts}


VERSIONS = Versions(
    [Successor(older="lamp.lit", newer="lamp.lit.v2", upcast=upcast)], {"lamp.lit.v2"}
)
CHECK = PublishedPayloads({"lamp.lit.v2": LampLit2}, VERSIONS, {})
LETTER = attrs.evolve(an_envelope(1, key="A"), data=b'{"sku":"A"}')


def test_one_that_has_a_newest_version_is_accepted() -> None:
    CHECK(LETTER, b'{"sku":"A","watts":5}')


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b'{"sku":"A"}', "it has no newer or older version: KeyError"),
        (b'{"sku":"A","watts":5.5}', "it has no newer or older version: Assertion"),
        (b"[]", "the document: expected object"),
    ],
    ids=["cannot be upcast", "is no newest one", "no object"],
)
def test_one_that_has_none_is_refused(data: bytes, detail: str) -> None:
    with pytest.raises(InvalidPayloadError, match=detail):
        CHECK(LETTER, data)
