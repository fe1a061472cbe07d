"""Several workers share a port, end singly and stop together."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from shared_kernel.serving.processes import REPLACEMENT_SECONDS
from shared_kernel.serving.server import (
    AddressUnavailableError,
    Worker,
    serve,
)
from tests.shared_kernel.serving.tiny_servers import (
    TIMEOUT_SECONDS,
    TinyServer,
    tiny_servers,
)

pytestmark = pytest.mark.server

WORKERS = 3
GREETING = "Storehouse serves on "


@pytest.fixture
def start() -> Iterator[Callable[..., TinyServer]]:
    with tiny_servers() as start:

        def start_several(way: str = "at-once", since: int = 1) -> TinyServer:
            return start("0", way, str(WORKERS), str(since))

        yield start_several


def one_of_them(url: str) -> int:
    """The id of the process that answers."""
    return int(httpx.get(f"{url}/process", timeout=TIMEOUT_SECONDS).text)


def all_of_them(url: str, but: frozenset[int] = frozenset()) -> frozenset[int]:
    """The ids of all workers, once all answer; without those in `but`."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    seen: set[int] = set()
    while len(seen) < WORKERS:
        assert time.monotonic() < deadline, f"only {seen} answer"
        # The killed worker may have accepted connections.
        with suppress(httpx.TransportError):
            seen |= {one_of_them(url)} - but
    return frozenset(seen)


def kill(process: int) -> None:
    """Kill it, and return when it is gone."""
    os.kill(process, signal.SIGKILL)
    until_gone(process)


def until_gone(process: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with suppress(ProcessLookupError):
        while True:
            os.kill(process, 0)
            assert time.monotonic() < deadline, f"process {process} still lives"


def replaced(server: TinyServer) -> int:
    """The id of the new process, as printed."""
    return int(server.reads("Serving process ").split()[-3])


def nothing_to_build(_worker: Worker) -> Callable[..., list[bytes]]:
    raise AssertionError("built in spite of the address")


def test_all_workers_answer_and_one_prints_the_address(
    start: Callable[..., TinyServer],
) -> None:
    server = start()

    all_of_them(server.url())
    server.process.terminate()

    assert server.ends() == 0
    assert sum(line.startswith(GREETING) for line in server.lines) == 1


def test_a_server_with_several_workers_has_its_port_exclusively(
    start: Callable[..., TinyServer],
) -> None:
    port = start().url().rpartition(":")[2]

    with pytest.raises(AddressUnavailableError, match="the port is taken"):
        serve(nothing_to_build, host="127.0.0.1", port=int(port), workers=WORKERS)


@pytest.mark.parametrize(
    ("send", "sent"),
    [
        pytest.param(os.killpg, signal.SIGINT, id="Ctrl-C in a terminal"),
        pytest.param(os.killpg, signal.SIGHUP, id="a closed terminal"),
        pytest.param(os.kill, signal.SIGINT, id="SIGINT"),
        pytest.param(os.kill, signal.SIGTERM, id="SIGTERM"),
    ],
)
def test_each_worker_answers_requests_in_flight_before_its_last_callbacks(
    start: Callable[..., TinyServer],
    send: Callable[[int, signal.Signals], None],
    sent: signal.Signals,
) -> None:
    server = start()
    url = server.url()
    with ThreadPoolExecutor() as clients:
        answers = [
            clients.submit(httpx.get, f"{url}/slow", timeout=TIMEOUT_SECONDS)
            for _ in range(5)
        ]
        for _ in answers:
            server.reads("slow request begun")

        send(server.process.pid, sent)

        assert [each.result().status_code for each in answers] == [200] * len(answers)
    assert server.ends() == 0
    assert_all_went_down_in_order(server, WORKERS)


def assert_all_went_down_in_order(server: TinyServer, workers: int) -> None:
    assert server.lines.count("stop asked") == workers
    assert server.lines.count("exit of what was built last") == workers
    assert server.lines.count("exit of what was built first") == workers
    assert server.lines[-2:] == ["exit of what was built first", "served"]


def test_a_stop_while_the_first_is_being_built_is_obeyed_by_those_that_wait(
    start: Callable[..., TinyServer],
) -> None:
    server = start("slow-build")
    server.reads("building")

    server.process.terminate()

    assert server.ends() == 0
    assert server.lines[-1] == "served"


def test_a_refusal_is_printed_once_and_decides_the_exit_code(
    start: Callable[..., TinyServer],
) -> None:
    server = start("refused-build")

    assert server.ends() == 2
    assert server.lines == [
        "the store cannot be opened",
        "exit of what was built last",
        "exit of what was built first",
    ]


def test_a_refusal_of_the_last_worker_stops_the_others_normally(
    start: Callable[..., TinyServer],
) -> None:
    server = start("refused-build", since=WORKERS)

    assert server.ends() == 2
    assert server.lines.count("the store cannot be opened") == 1
    assert server.lines.count("exit of what was built first") == WORKERS
    assert not any(line.startswith(GREETING) for line in server.lines)


def test_a_build_that_fails_is_not_tried_by_the_others(
    start: Callable[..., TinyServer],
) -> None:
    server = start("broken-build")

    assert server.ends() == 1
    assert server.lines.count("ValueError: this cannot be built") == 1
    assert server.lines[-1] == "The serving process has died."


def test_the_others_answer_when_a_worker_was_killed(
    start: Callable[..., TinyServer],
) -> None:
    server = start()
    url = server.url()
    before = all_of_them(url)
    dead = min(before)

    kill(dead)

    assert dead not in {one_of_them(url) for _ in range(20)}


def test_a_killed_worker_is_replaced(start: Callable[..., TinyServer]) -> None:
    server = start()
    url = server.url()
    before = all_of_them(url)
    dead = min(before)

    kill(dead)

    new = replaced(server)
    assert server.lines[-1] == (
        f"Serving process {dead} has died, process {new} replaces it."
    )
    assert all_of_them(url, but=frozenset({dead})) == before - {dead} | {new}


@pytest.mark.parametrize(
    ("send", "sent"),
    [
        pytest.param(os.killpg, signal.SIGINT, id="Ctrl-C in a terminal"),
        pytest.param(os.killpg, signal.SIGHUP, id="a closed terminal"),
        pytest.param(os.kill, signal.SIGTERM, id="SIGTERM"),
    ],
)
def test_a_replacement_stops_like_the_others(
    start: Callable[..., TinyServer],
    send: Callable[[int, signal.Signals], None],
    sent: signal.Signals,
) -> None:
    server = start()
    url = server.url()
    dead = one_of_them(url)
    kill(dead)
    replaced(server)
    all_of_them(url, but=frozenset({dead}))

    send(server.process.pid, sent)

    assert server.ends() == 0
    assert_all_went_down_in_order(server, WORKERS)
    assert sum(line.startswith(GREETING) for line in server.lines) == 1


def test_a_replacement_that_ends_too_is_not_replaced_without_a_pause(
    start: Callable[..., TinyServer],
) -> None:
    server = start()
    url = server.url()
    dead = one_of_them(url)
    kill(dead)
    new = replaced(server)
    begun = time.monotonic()

    all_of_them(url, but=frozenset({dead}))
    os.kill(new, signal.SIGKILL)

    replaced(server)
    # The line about the replacement comes some time after its start.
    assert time.monotonic() - begun > REPLACEMENT_SECONDS / 2


def test_a_stop_does_not_wait_for_a_replacement(
    start: Callable[..., TinyServer],
) -> None:
    server = start()
    kill(one_of_them(server.url()))

    server.process.terminate()

    assert server.ends() == 0
    assert server.lines[-1] == "served"


def test_a_replacement_that_refuses_ends_the_server(
    start: Callable[..., TinyServer],
) -> None:
    server = start("refused-build", since=WORKERS + 1)

    kill(one_of_them(server.url()))

    assert server.ends() == 2
    assert server.lines.count("the store cannot be opened") == 1
    # The refused worker has callbacks, too.
    assert server.lines.count("exit of what was built first") == WORKERS


def test_a_server_whose_workers_were_all_killed_ends(
    start: Callable[..., TinyServer],
) -> None:
    server = start()
    all_workers = all_of_them(server.url())

    # Suspended for a moment, so that it finds all of them ended at once.
    server.process.send_signal(signal.SIGSTOP)
    for each in all_workers:
        os.kill(each, signal.SIGKILL)
    server.process.send_signal(signal.SIGCONT)

    assert server.ends() == 1
    assert server.lines[-1] == "The serving process has died."


def test_a_replacement_that_cannot_be_forked_ends_the_server(
    start: Callable[..., TinyServer],
) -> None:
    server = start("no-more-processes", since=WORKERS + 1)

    kill(one_of_them(server.url()))

    assert server.ends() == 1
    assert "BlockingIOError: [Errno 11] no process can be had" in server.lines
    assert server.lines.count("exit of what was built first") == WORKERS - 1


def test_a_worker_that_cannot_be_forked_ends_the_server(
    start: Callable[..., TinyServer],
) -> None:
    server = start("no-more-processes", since=WORKERS)

    assert server.ends() == 1
    assert "BlockingIOError: [Errno 11] no process can be had" in server.lines


def test_no_worker_outlives_the_watcher(start: Callable[..., TinyServer]) -> None:
    server = start()
    url = server.url()
    dead = one_of_them(url)
    kill(dead)
    replaced(server)
    all_workers = all_of_them(url, but=frozenset({dead}))

    server.process.kill()

    for each in all_workers:
        until_gone(each)
