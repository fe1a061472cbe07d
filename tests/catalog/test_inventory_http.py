"""Exact stock from another process."""

from collections.abc import Iterator

import pytest

from catalog.adapters.inventory_http import HttpStockLevels
from shared_kernel.domain.sku import Sku
from shared_kernel.web.peers import Peer, PeerUnavailableError, StrangePeerError
from tests.peer_server import PeerServer

pytestmark = pytest.mark.server

LAMP = Sku("LAMP~0001")


@pytest.fixture
def server() -> Iterator[PeerServer]:
    server = PeerServer()
    with server.running():
        yield server


@pytest.fixture
def levels(server: PeerServer) -> Iterator[HttpStockLevels]:
    peer = Peer("inventory", server.url)
    yield HttpStockLevels(peer)
    peer.close()


def test_the_quantity_is_the_one_inventory_returns(
    levels: HttpStockLevels, server: PeerServer
) -> None:
    server.answer(b'{"quantity":5}')

    assert levels.available(LAMP) == 5
    assert server.asked == ["/stock?id=LAMP~0001"]


def test_a_sku_unknown_to_inventory_is_none(
    levels: HttpStockLevels, server: PeerServer
) -> None:
    server.answer(b'{"type":"/problems/unknown-sku"}', 404)

    assert levels.available(LAMP) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"pieces":5}'),
        (200, b"<html>"),
        (404, b'{"type":"/problems/not-found"}'),
        (404, b"<html>"),
        (301, b""),
    ],
)
def test_a_response_that_is_not_from_inventory_raises_strange_peer(
    levels: HttpStockLevels, server: PeerServer, status: int, body: bytes
) -> None:
    server.answer(body, status)

    with pytest.raises(StrangePeerError):
        levels.available(LAMP)


def test_an_inventory_that_answers_503_is_unavailable(
    levels: HttpStockLevels, server: PeerServer
) -> None:
    server.answer(b'{"type":"/problems/unavailable"}', 503)

    with pytest.raises(PeerUnavailableError):
        levels.available(LAMP)
