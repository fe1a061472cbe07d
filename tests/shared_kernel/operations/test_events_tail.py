"""`events tail`: the logs, a line for each event, also while they grow."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import attrs
import pytest
from click.testing import Result

from catalog.application.commands import RegisterProduct
from catalog.application.handlers import register_product
from catalog.domain.value_objects import OpeningStock, ProductName
from shared_kernel.buses.envelope import Envelope
from shared_kernel.domain.sku import Sku
from shared_kernel.events.event_log import EventFeed, EventLog, Mark
from shared_kernel.events.identity import LogKeys
from shared_kernel.operations.events_cli import events_group, follow
from shared_kernel.runtime.running import RunningServices
from tests.databases import Databases
from tests.shared_kernel.operations.processes import killed_after
from tests.shared_kernel.operations.shop import Shop, a_shop
from tests.storehouses import a_storehouse, run

REPOSITORY = Path(__file__).parents[3]
DEADLINE_S = 20


@attrs.define
class Patient:
    """A feed that may be asked only this often."""

    feed: EventFeed
    left: int = 50
    ending: type[BaseException] = AssertionError

    @property
    def source(self) -> str:
        return self.feed.source

    def head(self) -> int:
        return self.feed.head()

    def read(self, after: int, limit: int) -> list[Envelope]:
        if self.left == 0:
            raise self.ending
        self.left -= 1
        return self.feed.read(after, limit)

    def mark(self, position: int) -> Mark:
        return self.feed.mark(position)

    def keys(self) -> LogKeys:
        return self.feed.keys()


@pytest.fixture
def shed(tmp_path: Path) -> Iterator[Shop]:
    """Another log, on SQLite, whatever the shop's database is."""
    with a_shop(tmp_path / "shed", name="shed") as shed:
        yield shed


def tail(shop: Shop, *options: str, beside: Shop | None = None) -> Result:
    logs = [each.log for each in (shop, beside) if each]
    return run(events_group(logs), "tail", "--no-follow", *options)


def positions(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [line.split()[2] for line in result.output.splitlines()]


def test_a_line_has_time_log_position_type_and_key(shop: Shop) -> None:
    shop.record("LAMP-0001")

    assert tail(shop).output.split() == [
        "2026-03-01T12:00:00.000Z",
        "shop",
        "1",
        "lamp.lit",
        "LAMP-0001",
        '{"sku":"LAMP-0001"}',
    ]


def test_it_begins_with_the_last_ten_by_default(shop: Shop) -> None:
    shop.record(*["LAMP-0001"] * 25)

    assert positions(tail(shop)) == [str(number) for number in range(16, 26)]


def test_it_begins_at_the_given_position(shop: Shop) -> None:
    shop.record(*["LAMP-0001"] * 25)

    assert positions(tail(shop, "--from", "24")) == ["24", "25"]


def test_a_log_longer_than_a_page_is_shown_completely(shop: Shop) -> None:
    shop.record(*["LAMP-0001"] * 1201)

    assert positions(tail(shop, "--from", "1"))[-1] == "1201"


def test_several_logs_come_in_the_order_of_time(shop: Shop, shed: Shop) -> None:
    for number in range(6):
        where = (shop, shed)[number % 2]
        where.clock.now = shop.clock.now if where is shed else shed.clock.now
        where.clock.advance(1)
        where.record("LAMP-0001")

    lines = tail(shed, "--from", "1", beside=shop).output.splitlines()

    assert [line.split()[1] for line in lines] == ["shop", "shed"] * 3


def test_one_log_may_be_chosen(shop: Shop, shed: Shop) -> None:
    shop.record("LAMP-0001")
    shed.record("LAMP-0001")

    lines = tail(shop, "--source", "shed", beside=shed).output.splitlines()

    assert [line.split()[1] for line in lines] == ["shed"]


def test_an_unknown_log_is_refused(shop: Shop) -> None:
    result = tail(shop, "--source", "attic")

    assert result.exit_code == 2
    assert "'attic' is not 'shop'" in result.output


def test_programs_read_cloud_events(shop: Shop) -> None:
    shop.record("LAMP-0001")

    event = json.loads(tail(shop, "--json").output)

    assert (event["specversion"], event["position"]) == ("1.0", 1)
    assert event["data"] == {"sku": "LAMP-0001"}


def test_a_long_payload_is_cut_and_has_no_control_characters(shop: Shop) -> None:
    shop.record("LAMP-0001", data=b'"\x1b[2J\n' + b"x" * 1000 + b'"')

    (line,) = tail(shop).output.splitlines()

    assert line.endswith("x…")
    assert "\x1b" not in line


def test_new_events_follow_those_there_were(shop: Shop) -> None:
    shop.record("LAMP-0001")
    events = follow([Patient(shop.log)], None, ends=False)

    assert next(events).position == 1
    shop.record("LAMP-0002", "LAMP-0003")

    assert [next(events).position, next(events).position] == [2, 3]


def test_ctrl_c_ends_it_quietly(shop: Shop) -> None:
    shop.record("LAMP-0001")
    interrupted = Patient(shop.log, left=3, ending=KeyboardInterrupt)

    result = run(events_group([cast(EventLog, interrupted)]), "tail")

    assert result.exit_code == 0
    assert len(result.output.splitlines()) == 1


def test_a_log_that_does_not_answer_gives_one_clear_line(shop: Shop) -> None:
    why = shop.destroy(shop.source)

    result = tail(shop)

    assert result.exit_code == 1
    assert result.output == f"Error: {why}\n"


@pytest.mark.server
def test_it_follows_another_process_through_a_pipe_until_ctrl_c(
    databases: Databases,
) -> None:
    with a_storehouse(databases) as storehouse:
        register(storehouse, "LAMP-0001")
        tailing = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "app", "events", "tail"],
            cwd=REPOSITORY,
            env=os.environ | databases.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with tailing, killed_after(tailing, DEADLINE_S):
            assert tailing.stdout is not None
            assert "LAMP-0001" in tailing.stdout.readline()
            register(storehouse, "LAMP-0002")
            assert "LAMP-0002" in tailing.stdout.readline()

            tailing.send_signal(signal.SIGINT)

            assert tailing.communicate() == ("", "")
            assert tailing.returncode == 0


def register(storehouse: RunningServices, sku: str) -> None:
    storehouse.context("catalog").writer.execute(
        register_product,
        RegisterProduct(
            sku=Sku(sku),
            name=ProductName("A lamp"),
            description=None,
            price=None,
            opening_stock=OpeningStock(0),
        ),
    )
