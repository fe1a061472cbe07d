"""An event that is too large for the broker reaches its readers, and delays nobody."""

from pathlib import Path

import pytest

from shared_kernel.clock import system_clock
from tests.contract.over_a_bus import over, positions
from tests.contract.test_bus import BUSES

pytestmark = [pytest.mark.server, pytest.mark.proof]
BROKERED = [name for name, kind in BUSES.items() if kind.has_server]


@pytest.mark.parametrize("bus", BROKERED)
def test_an_event_too_large_is_read_from_the_log(bus: str, tmp_path: Path) -> None:
    bench = BUSES[bus].bench(tmp_path)
    large = b'"%b"' % (b"x" * bench.most_bytes)
    try:
        with over(bench, tmp_path, system_clock) as shop:
            shop.record(None, large, None)
            shop.until_all_is_applied()
            # The last one, which no other follows.
            shop.record(large)
            shop.until_all_is_applied()
            shop.record(None)
            shop.until_all_is_applied()

            assert positions(shop) == [1, 2, 3, 4, 5]
            assert shop.relay.published() == 5
            assert shop.subscription.counts.read_events >= 2
            assert shop.reader.applied == shop.log.read(0, 10)
    finally:
        bench.close()
        if bench.server is not None:
            bench.server.kill()
