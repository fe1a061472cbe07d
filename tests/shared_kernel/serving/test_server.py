"""A real server on a real port: how it starts and stops."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from shared_kernel.serving.requests import STOPPING_BODY_SECONDS
from shared_kernel.serving.server import AddressUnavailableError, Worker, serve
from tests.shared_kernel.serving.tiny_server import LARGE_BYTES
from tests.shared_kernel.serving.tiny_servers import (
    TIMEOUT_SECONDS,
    TinyServer,
    tiny_servers,
)

pytestmark = pytest.mark.server

LAST_CALLBACKS = ["exit of what was built last", "exit of what was built first"]


@pytest.fixture
def start() -> Iterator[Callable[..., TinyServer]]:
    with tiny_servers() as start:
        yield start


def nothing_to_build(_worker: Worker) -> Callable[..., list[bytes]]:
    raise AssertionError("built in spite of the address")


def test_it_prints_its_address_once_it_serves(start: Callable[..., TinyServer]) -> None:
    server = start()

    assert httpx.get(server.url()).text == "served"


@pytest.mark.parametrize(
    ("send", "sent"),
    [
        pytest.param(os.killpg, signal.SIGINT, id="Ctrl-C in a terminal"),
        pytest.param(os.killpg, signal.SIGHUP, id="a closed terminal"),
        pytest.param(os.kill, signal.SIGINT, id="SIGINT"),
        pytest.param(os.kill, signal.SIGTERM, id="SIGTERM"),
    ],
)
def test_a_request_in_flight_is_answered_before_the_last_callbacks(
    start: Callable[..., TinyServer],
    send: Callable[[int, signal.Signals], None],
    sent: signal.Signals,
) -> None:
    server = start()
    url = server.url()
    with ThreadPoolExecutor() as clients:
        answer: Future[httpx.Response] = clients.submit(
            httpx.get, f"{url}/slow", timeout=TIMEOUT_SECONDS
        )
        server.reads("slow request begun")

        send(server.process.pid, sent)

        assert answer.result().status_code == 200
    assert server.ends() == 0
    assert server.lines[-6:] == [
        "slow request begun",
        "stop asked",
        "slow request done",
        *LAST_CALLBACKS,
        "served",
    ]


def test_an_idle_connection_does_not_hold_up_the_stop(
    start: Callable[..., TinyServer],
) -> None:
    server = start()
    with httpx.Client(base_url=server.url()) as client:
        client.get("/")

        server.process.send_signal(signal.SIGTERM)

        assert server.ends() == 0


def test_half_a_request_does_not_hold_up_the_stop(
    start: Callable[..., TinyServer],
) -> None:
    server = start()
    host, port = address_of(server)
    headers = b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
    with ExitStack() as connections:
        for sent in (b"", headers, headers + b"\r\nhalf"):
            for _ in range(5):
                opened = socket.create_connection((host, port))
                connections.enter_context(opened).sendall(sent)
        # This is answered after them, so the server has received them.
        assert httpx.get(f"http://{host}:{port}").text == "served"
        asked = time.monotonic()

        server.process.send_signal(signal.SIGTERM)

        assert server.ends() == 0
        assert time.monotonic() - asked < 2
    assert server.lines[-3:] == [*LAST_CALLBACKS, "served"]


def test_a_response_being_sent_is_completed_despite_a_stop(
    start: Callable[..., TinyServer],
) -> None:
    server, pause = start(), threading.Event()
    with socket.create_connection(address_of(server), TIMEOUT_SECONDS) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        received = len(client.recv(1))

        server.process.send_signal(signal.SIGTERM)
        server.reads("stop asked")

        while some := client.recv(1024 * 1024):
            received += len(some)
            # It takes longer than a stop without requests in flight.
            pause.wait(0.01)
    assert received > LARGE_BYTES
    assert server.ends() == 0


def test_a_request_whose_body_is_arriving_at_the_stop_is_answered(
    start: Callable[..., TinyServer],
) -> None:
    server = start()
    with socket.create_connection(address_of(server), TIMEOUT_SECONDS) as client:
        client.sendall(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        server.process.send_signal(signal.SIGTERM)
        server.reads("stop asked")
        threading.Event().wait(STOPPING_BODY_SECONDS / 3)

        client.sendall(b"123456789")

        assert client.recv(1000).endswith(b"\r\n\r\n9")
    assert server.ends() == 0


def address_of(server: TinyServer) -> tuple[str, int]:
    host, port = server.url().removeprefix("http://").split(":")
    return host, int(port)


def test_a_stop_while_the_application_is_being_built_is_obeyed(
    start: Callable[..., TinyServer],
) -> None:
    server = start("0", "slow-build")
    server.reads("building")

    server.process.send_signal(signal.SIGTERM)

    assert server.ends() == 0
    assert server.lines[-2:] == ["exit of what was built first", "served"]


def test_a_build_that_fails_ends_the_program_with_its_traceback(
    start: Callable[..., TinyServer],
) -> None:
    server = start("0", "broken-build")

    assert server.ends() == 1
    assert "ValueError: this cannot be built" in server.lines
    assert "exit of what was built first" in server.lines
    assert server.lines[-1] == "The serving process has died."


def test_a_build_that_refuses_decides_the_exit_code_and_prints_last(
    start: Callable[..., TinyServer],
) -> None:
    server = start("0", "refused-build")

    assert server.ends() == 2
    assert server.lines == [
        "the store cannot be opened",
        "exit of what was built last",
        "exit of what was built first",
    ]


def test_a_worker_does_not_outlive_its_watcher(
    start: Callable[..., TinyServer],
) -> None:
    server = start()
    port = int(server.url().rpartition(":")[2])

    server.process.kill()

    deadline = time.monotonic() + TIMEOUT_SECONDS
    while is_served(port):
        assert time.monotonic() < deadline, "the worker still serves"


def is_served(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return False
    return True


def test_a_taken_port_is_refused_before_anything_is_built() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(AddressUnavailableError) as refusal:
            serve(nothing_to_build, host="127.0.0.1", port=port)

    assert str(refusal.value) == (
        f"cannot serve on 127.0.0.1, port {port}: the port is taken; "
        "stop what listens there or set PORT, e.g. PORT=8001"
    )


def test_a_second_server_is_refused_the_port_of_the_first(
    start: Callable[..., TinyServer],
) -> None:
    port = start().url().rpartition(":")[2]

    with pytest.raises(AddressUnavailableError, match="the port is taken"):
        serve(nothing_to_build, host="127.0.0.1", port=int(port))


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("no-such-host.invalid", "no such host name is known"),
        ("192.0.2.1", "this machine has no such address"),
    ],
)
def test_an_address_of_another_machine_is_refused(host: str, why: str) -> None:
    with pytest.raises(AddressUnavailableError, match=f"{why}; set HOST"):
        serve(nothing_to_build, host=host, port=0)
