"""Which queues `QUEUE_URL` accepts, and what it says of the others."""

import sys

import pytest

from shared_kernel.queues.port import QueueMisconfiguredError
from shared_kernel.queues.url import queue_url
from shared_kernel.runtime import channel_by_url
from shared_kernel.runtime.settings import Settings
from shared_kernel.storage.database import Database

BROKERS = {
    "jetstream": ("jetstream://:secret@host", "nats"),
    "sqs": ("sqs://eu-west-1", "aws"),
    "pubsub": ("pubsub://project", "google"),
}

URLS = (
    "jetstream://a:4222,b",
    "jetstream://me:secret@a/",
    "sqs://eu-west-1",
    "pubsub://my-project",
)
NO_URLS = (
    "jetstream:",
    "jetstream://",
    "jetstream://a?b",
    "sqs://",
    "sqs://Ireland",
    "sqs://eu-west-1/queue",
    "pubsub://",
    "pubsub://my-project/topic",
    "amqp://host",
)


@pytest.mark.parametrize("url", URLS)
def test_a_broker_is_accepted(url: str) -> None:
    assert queue_url(url) == url


@pytest.mark.parametrize("url", NO_URLS)
def test_any_other_url_is_refused_with_what_is_accepted(url: str) -> None:
    with pytest.raises(ValueError, match=r"sql:, or a Redis URL .*jetstream://host"):
        queue_url(url)


def test_kafka_is_no_queue_and_that_is_said_with_what_is_right() -> None:
    with pytest.raises(ValueError, match=r"Kafka is no queue, .*sql: here"):
        queue_url("kafka://host:9092")


@pytest.mark.parametrize("scheme", BROKERS)
def test_without_the_extra_the_message_says_how_to_get_it(
    database: Database, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    url, extra = BROKERS[scheme]
    monkeypatch.setitem(sys.modules, f"shared_kernel.queues.{scheme}.opening", None)

    with pytest.raises(QueueMisconfiguredError) as refused:
        channel_by_url.channel_by_url(
            Settings(queue_url=url),
            "work",
            database,
            listed="work",
            unnamed="greet",
            consumer="one",
            clock=lambda: None,  # type: ignore[arg-type, return-value] # unused
            jitter=lambda: 1.0,
        )

    assert str(refused.value) == (
        f"QUEUE_URL {scheme}: needs the extra `{extra}`: "
        f"pip install 'storehouse[{extra}]'"
    )


def test_credentials_are_not_shown(database: Database) -> None:
    channel = channel_by_url.channel_by_url(
        Settings(queue_url="jetstream://me:secret@host"),
        "work",
        database,
        listed="work",
        unnamed="greet",
        consumer="one",
        clock=lambda: None,  # type: ignore[arg-type, return-value] # unused
        jitter=lambda: 1.0,
    )

    assert channel.link.shown == "jetstream://host:4222"  # type: ignore[attr-defined] # of a broker
    channel.close()
