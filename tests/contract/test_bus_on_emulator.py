"""The bus on Pub/Sub keeps the contract on Google's emulator, too.

That is where its jar and a Java are installed, or where PUBSUB_EMULATOR_HOST leads. The
summary says on which server it ran. The emulator forgets everything when it stops, so
the checks that stop it are left to the server of our own.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.buses.pubsub.bus import PubSubBus
from shared_kernel.buses.pubsub.connection import PubSubConnection
from shared_kernel.buses.pubsub.messages import MOST_BYTES
from shared_kernel.buses.pubsub.names import Names
from tests.contract import bus_contract as contract
from tests.contract.bus_bench import Bench, ids
from tests.contract.test_bus import ACK_WAIT_S, BUSES
from tests.faults.checker import SUMMARY
from tests.pubsub_server import PROJECT, PubSubServer, emulator_jar

pytestmark = [pytest.mark.server, pytest.mark.proof]

STOPS_IT = {
    contract.publishing_raises_while_the_server_is_away,
    contract.publishing_does_not_wait_for_a_killed_server,
    contract.the_bus_reconnects_to_a_server_killed_in_mid_stream,
    contract.a_member_that_joins_while_the_server_is_away_is_served_afterwards,
}
CHECKS = [
    check for check in contract.checks_for(BUSES["pubsub://"]) if check not in STOPS_IT
]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """That of the emulator, or else of our own server."""
    running = os.environ.get("PUBSUB_EMULATOR_HOST")
    if running:
        yield running
        return
    kind = "emulator" if emulator_jar() else "ours"
    with PubSubServer(tmp_path_factory.mktemp("pubsub"), kind) as server:
        yield server.host


def test_the_suite_says_on_which_server_it_ran(
    host: str, record_property: Callable[[str, str], None]
) -> None:
    running = os.environ.get("PUBSUB_EMULATOR_HOST")
    jar = "Google's emulator" if emulator_jar() else "our own server, no emulator here"
    where = f"PUBSUB_EMULATOR_HOST={running}" if running else jar
    record_property(SUMMARY, f"Pub/Sub: {len(CHECKS)} checks of a bus on {where}")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_bus_keeps_the_contract(check: contract.Check, host: str) -> None:
    address = PubSubAddress(project=PROJECT, emulator=host)
    names = Names(PROJECT, f"check-{os.getpid()}-{next(ids)}")
    bench = Bench(
        connect=lambda: PubSubBus(
            PubSubConnection(address, names.heartbeats),
            names,
            ack_wait_s=int(ACK_WAIT_S),
        ),
        most_bytes=MOST_BYTES,
    )
    try:
        check(bench)
    finally:
        bench.close()
