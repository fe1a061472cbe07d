"""`GET /events/{source}`: the log over HTTP."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import attrs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.consistency import Progress
from shared_kernel.events.event_log import EventLog
from shared_kernel.web.feed_http import ServedLog, add_feeds
from shared_kernel.web.routes import Api, set_up_web
from tests.shared_kernel.operations.shop import Shop

pytestmark = pytest.mark.proof_on("postgresql")

DEADLINE_S = 20


class Watched(EventLog):
    """A log that signals when a request waits: it was read empty, and then again."""

    def __init__(self, log: EventLog) -> None:
        super().__init__(log.database, log.source)
        self.waiting = threading.Semaphore(0)
        self.asked: list[tuple[int, int]] = []

    def read(self, after: int, limit: int) -> list[Envelope]:
        batch = super().read(after, limit)
        who = (threading.get_ident(), after)
        self.asked.append(who)
        if not batch and self.asked.count(who) == 2:
            self.waiting.release()
        return batch


@attrs.frozen
class Served:
    """A feed behind HTTP, with one long poll at a time, and clients in threads."""

    watched: Watched
    client: FlaskClient
    stopping: threading.Event
    threads: ThreadPoolExecutor

    def get(self, query: str = "") -> TestResponse:
        return self.client.get(f"/events/shop{query}")

    def get_meanwhile(self, query: str) -> "Future[TestResponse]":
        """Send a request in another thread; return when it waits."""
        answer = self.threads.submit(self.get, query)
        assert self.watched.waiting.acquire(timeout=DEADLINE_S)
        return answer


@pytest.fixture
def served(shop: Shop) -> Iterator[Served]:
    watched, stopping = Watched(shop.log), threading.Event()
    api = Api("operations", {}, {})
    followed = {"catalog": lambda: shop.followed}
    served = ServedLog(log=watched, followed=followed, progress=Progress())
    add_feeds(api, [served], stopping, long_polls=1, consistency_timeout_ms=50)
    app = Flask("shop")
    set_up_web(app)
    app.register_blueprint(api.blueprint)
    with ThreadPoolExecutor(max_workers=2) as threads:
        yield Served(watched, app.test_client(), stopping, threads)
        stopping.set()


def positions(answer: TestResponse) -> list[int]:
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return [event["position"] for event in answer.json]


def test_the_log_comes_as_a_batch_of_cloud_events(served: Served, shop: Shop) -> None:
    shop.record("LAMP-0001")

    answer = served.get()

    assert answer.mimetype == "application/cloudevents-batch+json"
    (envelope,) = shop.log.read(0, 1)
    assert answer.json == [
        {
            "specversion": "1.0",
            "id": envelope.id,
            "source": "/shop",
            "type": "lamp.lit",
            "subject": "LAMP-0001",
            "time": "2026-03-01T12:00:00Z",
            "datacontenttype": "application/json",
            "position": 1,
            "sequence": "1",
            "key": "LAMP-0001",
            "partitionkey": "LAMP-0001",
            "log": shop.log.keys().log,
            "data": {"sku": "LAMP-0001"},
        }
    ]


def test_an_empty_log_is_an_empty_batch(served: Served) -> None:
    assert served.get().json == []


def test_a_page_links_to_the_next_until_all_is_read(served: Served, shop: Shop) -> None:
    shop.record(*[f"LAMP-{number}" for number in range(5)])

    pages, url = [], "/events/shop?limit=2"
    for _ in range(4):
        answer = served.client.get(url)
        pages.append(positions(answer))
        url = answer.headers["Link"].partition(">")[0].removeprefix("<")

    assert pages == [[1, 2], [3, 4], [5], []]


def test_the_next_page_follows_the_last_event_and_keeps_the_wait(
    served: Served, shop: Shop
) -> None:
    shop.record("LAMP-0001", "LAMP-0002")

    link = served.get("?after=1&limit=7&wait=3").headers["Link"]

    assert link == '</events/shop?after=2&limit=7&wait=3>; rel="next"'


def test_a_long_poll_is_answered_as_soon_as_something_is_recorded(
    served: Served, shop: Shop
) -> None:
    answer = served.get_meanwhile("?wait=30")
    assert not answer.done()

    shop.record("LAMP-0001")

    assert positions(answer.result(timeout=DEADLINE_S)) == [1]


def test_a_long_poll_without_events_ends_empty_when_its_time_is_up(
    served: Served,
) -> None:
    answer = served.get_meanwhile("?after=4&wait=1").result(timeout=DEADLINE_S)

    assert answer.json == []
    assert answer.headers["Link"].startswith("</events/shop?after=4&")


def test_a_long_poll_ends_early_when_the_process_stops(served: Served) -> None:
    answer = served.get_meanwhile("?wait=30")

    served.stopping.set()

    assert answer.result(timeout=DEADLINE_S).json == []


def test_a_long_poll_beyond_the_limit_is_answered_at_once(served: Served) -> None:
    first = served.get_meanwhile("?wait=30")

    second = served.threads.submit(served.get, "?wait=30")

    assert second.result(timeout=DEADLINE_S).json == []
    assert not first.done()


def test_a_long_poll_that_ended_frees_its_place(served: Served, shop: Shop) -> None:
    first = served.get_meanwhile("?wait=30")
    shop.record("LAMP-0001")
    first.result(timeout=DEADLINE_S)

    second = served.get_meanwhile("?after=1&wait=30")

    shop.record("LAMP-0002")
    assert positions(second.result(timeout=DEADLINE_S)) == [2]


def test_an_unknown_log_is_refused_with_the_known_ones(served: Served) -> None:
    answer = served.client.get("/events/shed")

    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["type"] == "/problems/unknown-source"
    assert answer.json["detail"] == "'shed' is none of shop"


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=soon",
        "after=9223372036854775808",
        "limit=-1",
        "limit=1001",
        "wait=31",
        "wait=1.5",
        "from=1",
        "after=1&after=2",
    ],
)
def test_a_number_that_is_not_accepted_is_named(served: Served, query: str) -> None:
    answer = served.get(f"?{query}")

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["type"] == "/problems/invalid-parameter"
    assert answer.json["errors"][0]["parameter"] == query.partition("=")[0]


def test_a_response_has_the_head_and_the_followed_positions(
    served: Served, shop: Shop
) -> None:
    shop.record("LAMP-0001", "LAMP-0002")

    answer = served.get("?limit=0")

    assert positions(answer) == []
    assert answer.headers["Consistency-Token"] == "catalog:7,shop:2"


def test_a_response_waits_until_the_log_reflects_the_token(
    served: Served, shop: Shop
) -> None:
    def get(token: str) -> TestResponse:
        headers = {"Consistency-Token": token}
        return served.client.get("/events/shop?limit=0", headers=headers)

    assert get("catalog:7").status_code == 200
    behind = get("catalog:8")

    assert behind.status_code == 503
    assert behind.json is not None
    assert behind.json["type"] == "/problems/read-model-behind"
    assert (behind.json["wanted"], behind.json["reached"]) == (8, 7)


def test_a_broken_log_is_a_503(served: Served, shop: Shop) -> None:
    if shop.source.one_writer:
        with shop.source.writing() as connection:
            connection.exec_driver_sql("DROP TABLE event_log")
    else:
        shop.destroy(shop.source)

    answer = served.get()

    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["type"] == "/problems/unavailable"
