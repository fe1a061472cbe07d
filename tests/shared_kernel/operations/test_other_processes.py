"""What other processes have is asked of them; who does not answer is told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from shared_kernel.operations.dead_letters_cli import dead_letters_group
from shared_kernel.operations.operations_cli import status_command
from shared_kernel.operations.other_processes import NO_ADDRESS, OtherProcesses
from shared_kernel.web.peers import Peer
from tests.peer_server import PeerServer
from tests.shared_kernel.operations.shop import (
    Shop,
    a_client,
    a_shop,
    an_application,
    served,
)
from tests.storehouses import run
from tests.web_clients import problem

MILL, BAKERY = "mill", "bakery"
UNREACHABLE = "http://127.0.0.1:9"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "shop").mkdir()
    with a_shop(tmp_path / "shop") as shop:
        yield shop


@pytest.fixture
def mill(tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / MILL).mkdir()
    with a_shop(tmp_path / MILL, name=MILL) as mill:
        yield mill


def others(*declared: str, here: str = "shop", **addresses: str) -> OtherProcesses:
    """`addresses` are the settings of the process that runs `here`."""
    peers = {name: Peer(name, url, timeout_s=10) for name, url in addresses.items()}
    return OtherProcesses(peers=peers, here=[here], declared=[here, *declared])


def dead_letters(shop: Shop, asked: OtherProcesses, *arguments: str) -> Result:
    return run(dead_letters_group([shop.service], asked), *arguments)


def test_the_letters_of_all_processes_are_listed(shop: Shop, mill: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    mill.dead_letter("FLOUR-1", "FLOUR-1")

    with served(an_application(mill)) as url:
        asked = others(MILL, mill=url)
        listed = dead_letters(shop, asked, "list", "--json")
        second = dead_letters(
            shop, asked, "list", "--limit", "1", "--after", "mill_read:1"
        )
        causes = dead_letters(shop, asked, "causes", "--json")
        shown = dead_letters(shop, asked, "show", "mill_read:1")

    assert (listed.exit_code, listed.stderr) == (0, "")
    names = [json.loads(line)["letter"] for line in listed.stdout.splitlines()]
    assert names == ["mill_read:1", "mill_read:2", "shop_read:1"]
    assert second.stdout.splitlines()[1].startswith("mill_read:2")
    found = [json.loads(line) for line in causes.stdout.splitlines()]
    assert [each["database"] for each in found] == ["mill_read", "shop_read"]
    assert json.loads(shown.stdout)["waiting"] == 1


def test_filters_hold_for_the_others_too(shop: Shop, mill: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    mill.dead_letter("FLOUR 1&2", "FLOUR-2")

    with served(an_application(mill)) as url:
        options = ["--key", "FLOUR 1&2", "--since", "2026-03-01", "--json"]
        listed = dead_letters(shop, others(MILL, mill=url), "list", *options)

    (line,) = listed.stdout.splitlines()
    assert json.loads(line)["letter"] == "mill_read:1"


def test_who_does_not_answer_is_told_and_nothing_is_claimed(shop: Shop) -> None:
    asked = others(MILL, mill=UNREACHABLE)

    listed = dead_letters(shop, asked, "list")
    causes = dead_letters(shop, asked, "causes")

    why = f"{MILL}: {MILL} does not answer at {UNREACHABLE}: connection refused"
    for result in (listed, causes):
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr == f"Not asked: {why}\n"


def test_who_is_at_no_known_address_is_told(shop: Shop) -> None:
    listed = dead_letters(shop, others(MILL), "list")

    assert (listed.exit_code, listed.stdout) == (0, "")
    assert listed.stderr == f"Not asked: {MILL}: {NO_ADDRESS}\n"


def test_something_else_at_the_address_is_told(shop: Shop) -> None:
    server = PeerServer()
    server.answer(b"<html>", kind="text/html")
    with server.running():
        listed = dead_letters(shop, others(MILL, mill=server.url), "list")

    assert listed.exit_code == 1
    assert f"MILL_URL is {server.url}, which answers GET /healthz" in listed.stderr


def test_addresses_that_others_know_are_followed(shop: Shop, mill: Shop) -> None:
    """The mill's process knows the bakery's; this one knows only the mill's."""
    elsewhere = others(BAKERY, here=MILL, bakery=UNREACHABLE)
    with served(an_application(mill, others=elsewhere)) as url:
        listed = dead_letters(shop, others(MILL, BAKERY, mill=url), "list", "--json")

    assert listed.exit_code == 1
    assert f"{BAKERY} does not answer at {UNREACHABLE}" in listed.stderr


def test_a_peer_does_not_ask_its_peers(shop: Shop, mill: Shop) -> None:
    asked = PeerServer()
    asked.answer(b'{"services":["bakery"],"letters":[],"causes":[]}')
    with asked.running():
        known = others(BAKERY, here=MILL, bakery=asked.url)
        client = a_client(mill, others=known)
        for path in ("/dead-letters", "/dead-letters/causes", "/status"):
            assert client.get(f"{path}?scope=process").status_code == 200
        assert asked.asked == []

        assert client.get("/dead-letters").status_code == 200

    path = "/dead-letters?scope=process&limit=100"
    assert asked.asked == ["/healthz", path]


def test_over_http_the_answer_has_who_was_not_asked(shop: Shop) -> None:
    client = a_client(shop, others=others(MILL, BAKERY, mill=UNREACHABLE))

    for path in ("/dead-letters", "/dead-letters/causes", "/status"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.json is not None
        away, unknown = answer.json["not_asked"]
        assert (away["service"], away["at"]) == (MILL, UNREACHABLE)
        assert unknown == {"service": BAKERY, "why": NO_ADDRESS, "at": None}


def test_a_letter_of_another_process_is_asked_of_it(shop: Shop, mill: Shop) -> None:
    mill.dead_letter("FLOUR-1")
    with served(an_application(mill)) as url:
        client = a_client(shop, others=others(MILL, mill=url))
        found = client.get("/dead-letters/mill_read:1")
        missing = client.get("/dead-letters/mill_read:2")
    away = a_client(shop, others=others(MILL, mill=UNREACHABLE))

    assert (found.status_code, found.headers["ETag"]) == (200, '"1"')
    problem(missing, 404, "unknown-dead-letter")
    unavailable = problem(
        away.get("/dead-letters/mill_read:1"), 503, "peer-unavailable"
    )
    assert unavailable["peer"] == MILL
    problem(
        away.get("/dead-letters/mill_read:1?scope=process"), 404, "unknown-dead-letter"
    )


def test_status_has_the_services_of_all_processes(shop: Shop, mill: Shop) -> None:
    mill.dead_letter("FLOUR-1")
    with served(an_application(mill)) as url:
        asked = others(MILL, BAKERY, mill=url)
        result = run(status_command([shop.service], shop.clock, asked))
        as_json = run(status_command([shop.service], shop.clock, asked), "--json")

    assert result.exit_code == 0
    (line,) = [x for x in result.output.splitlines() if x.startswith("mill.listing")]
    assert line.split()[:6] == ["mill.listing", MILL, "1", "0", "0.0", "s"]
    assert f"{BAKERY}: all is unknown: {NO_ADDRESS}" in result.output
    document = json.loads(as_json.output)
    assert [each["name"] for each in document["services"]] == ["shop", MILL]
    assert [each["service"] for each in document["not_asked"]] == [BAKERY]


def test_what_a_replica_has_too_is_listed_once(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    replica = PeerServer()
    letters = a_client(shop).get("/dead-letters").data
    replica.answer(letters.replace(b"{", b'{"services":["shop","mill"],', 1))

    with replica.running():
        asked = others(MILL, mill=replica.url)
        listed = dead_letters(shop, asked, "list", "--json")

    assert len(listed.stdout.splitlines()) == 1
