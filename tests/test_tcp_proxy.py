"""The proxy between two programs: it forwards, holds back and breaks connections."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.server

SILENCE_S = 0.15
TIMEOUT_S = 10.0


class Echo(socketserver.BaseRequestHandler):
    """Answers each message with itself in capitals, and records that it came."""

    def handle(self) -> None:
        try:
            while message := self.request.recv(65_536):
                self.server.arrived.set()  # type: ignore[attr-defined]  # of EchoServer
                self.request.sendall(message.upper())
        except OSError:
            pass


class EchoServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.arrived = threading.Event()
        self.port = int(self.server_address[1])


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    with EchoServer() as server:
        thread = threading.Thread(target=lambda: server.serve_forever(0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo: EchoServer) -> Iterator[TcpProxy]:
    with TcpProxy(echo.port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: TcpProxy) -> Iterator[socket.socket]:
    with closing(connect(proxy)) as client:
        assert asked(client, b"hello") == b"HELLO"
        yield client


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=TIMEOUT_S)


def asked(client: socket.socket, message: bytes) -> bytes:
    client.sendall(message)
    return received(client, len(message))


def received(client: socket.socket, length: int) -> bytes:
    client.settimeout(TIMEOUT_S)
    said = b""
    while len(said) < length and (more := client.recv(length - len(said))):
        said += more
    return said


def is_silent(client: socket.socket) -> bool:
    """Nothing arrives, not even an end."""
    client.settimeout(SILENCE_S)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    return False


def test_bytes_pass_both_ways_in_order(client: socket.socket) -> None:
    message = b"".join(b"%07d." % number for number in range(50_000))
    answers: list[bytes] = []
    reading = threading.Thread(
        target=lambda: answers.append(received(client, len(message)))
    )

    reading.start()
    client.sendall(message)
    reading.join()

    assert answers == [message]


def test_the_end_of_a_connection_passes(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)

    assert received(client, 1) == b""


def test_a_cut_holds_back_what_is_sent_until_it_is_over(
    proxy: TcpProxy, echo: EchoServer, client: socket.socket
) -> None:
    echo.arrived.clear()

    proxy.cut()
    client.sendall(b"lamp")

    assert is_silent(client)
    assert not echo.arrived.is_set()
    proxy.pass_through()
    assert received(client, 4) == b"LAMP"


def test_a_connection_made_during_a_cut_is_served_after_it(proxy: TcpProxy) -> None:
    proxy.cut()
    with closing(connect(proxy)) as late:
        late.sendall(b"lamp")

        assert is_silent(late)
        proxy.pass_through()
        assert received(late, 4) == b"LAMP"


def test_a_cut_downwards_passes_requests_but_no_responses(
    proxy: TcpProxy, echo: EchoServer, client: socket.socket
) -> None:
    echo.arrived.clear()

    proxy.cut("down")
    client.sendall(b"lamp")

    assert echo.arrived.wait(TIMEOUT_S)
    assert is_silent(client)
    proxy.pass_through()
    assert received(client, 4) == b"LAMP"


def test_a_cut_upwards_keeps_requests_from_the_target(
    proxy: TcpProxy, echo: EchoServer, client: socket.socket
) -> None:
    echo.arrived.clear()

    proxy.cut("up")
    client.sendall(b"lamp")

    assert is_silent(client)
    assert not echo.arrived.is_set()


def test_a_cut_hides_that_the_target_is_gone() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as target,
        TcpProxy(target.getsockname()[1]) as proxy,
        closing(connect(proxy)) as client,
    ):
        accepted, _ = target.accept()
        proxy.cut()
        accepted.close()

        assert is_silent(client)
        proxy.pass_through()
        assert received(client, 1) == b""


def test_a_reset_breaks_connections_and_accepts_new_ones(
    proxy: TcpProxy, client: socket.socket
) -> None:
    proxy.reset()

    with pytest.raises(ConnectionResetError):
        received(client, 1)
    with closing(connect(proxy)) as new:
        assert asked(new, b"lamp") == b"LAMP"


def test_a_delay_holds_back_each_way_for_so_long(
    proxy: TcpProxy, client: socket.socket
) -> None:
    proxy.delay(0.1)
    began = time.monotonic()

    assert asked(client, b"lamp") == b"LAMP"
    assert time.monotonic() - began >= 0.2


def test_a_delay_does_not_reduce_throughput(
    proxy: TcpProxy, client: socket.socket
) -> None:
    proxy.delay(0.2)
    began = time.monotonic()

    for _ in range(10):
        client.sendall(b"lamp")
    received(client, 40)

    assert time.monotonic() - began < 10 * 0.2


def test_a_connection_ends_if_nobody_listens_at_the_target() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    # At once, or as soon as something is sent.
    with (
        TcpProxy(port) as proxy,
        pytest.raises(ConnectionResetError),
        closing(connect(proxy)) as client,
    ):
        received(client, 1)


def test_closing_ends_all_connections_and_threads(echo: EchoServer) -> None:
    with TcpProxy(echo.port) as proxy, closing(connect(proxy)) as client:
        asked(client, b"hello")
        proxy.cut()
        client.sendall(b"held back")
        late = connect(proxy)

    late.close()
    proxy.close()
    names = {thread.name for thread in threading.enumerate()}
    assert f"tcp-proxy-{proxy.port}" not in names
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
