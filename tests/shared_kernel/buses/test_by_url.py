"""The bus is chosen by configuration."""

import pytest

from shared_kernel.buses.by_url import SCHEMES, bus_by_url
from shared_kernel.buses.in_process import InProcessBus


def test_inprocess_is_the_bus_inside_this_process() -> None:
    assert isinstance(bus_by_url("inprocess:"), InProcessBus)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_that_settings_accept_has_a_bus(scheme: str) -> None:
    bus_by_url(f"{scheme}:").close()


def test_an_unknown_scheme_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no bus for 'pigeon://x'; known: inprocess:"):
        bus_by_url("pigeon://x")
