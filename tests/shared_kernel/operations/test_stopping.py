"""The real server stops at once, even while clients wait for events."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest

from shared_kernel.clock import system_clock
from shared_kernel.operations.observation import observe
from tests.databases import Databases
from tests.shared_kernel.operations.processes import killed_after
from tests.storehouses import a_storehouse

REPOSITORY = Path(__file__).parents[3]
DEADLINE_S = 20


@pytest.mark.server
def test_a_stop_answers_long_polls_and_releases_all_leases(
    databases: Databases,
) -> None:
    port = a_free_port()
    environment = {"PORT": str(port)} | databases.environment
    with ExitStack() as to_be_closed:
        server = to_be_closed.enter_context(
            subprocess.Popen(
                [sys.executable, "app.py"],
                cwd=REPOSITORY,
                env=os.environ | environment,
                stdout=subprocess.PIPE,
            )
        )
        to_be_closed.enter_context(killed_after(server, DEADLINE_S))
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"Storehouse serves on")

        def ask(path: str) -> HTTPConnection:
            """A request that has been sent; its response must still be read."""
            connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
            to_be_closed.callback(connection.close)
            connection.request("GET", path)
            return connection

        polls = [ask(f"/events/{of}?wait=30") for of in ("catalog", "inventory")]
        # This is answered after them, so the server has received them.
        assert ask("/readyz").getresponse().status == 200

        server.send_signal(signal.SIGTERM)

        assert [poll.getresponse().read() for poll in polls] == [b"[]", b"[]"]
        assert server.wait(DEADLINE_S) == 0

    with a_storehouse(databases) as storehouse:
        states = [observe(each, system_clock) for each in storehouse.services]
    readers = [each for state in states for each in state.subscriptions]
    assert len(readers) == 4
    assert all(each.lease and each.lease.holder is None for each in readers)


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
