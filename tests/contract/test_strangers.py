"""Each bus on a server has its stranger, who may do anything there."""

from tests.contract.strangers import STRANGERS
from tests.contract.test_bus import BUSES


def test_each_bus_with_a_server_has_its_stranger() -> None:
    brokered = {name for name, kind in BUSES.items() if kind.has_server}

    assert set(STRANGERS) == brokered
