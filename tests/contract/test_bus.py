"""Every bus keeps the contract, with its real server. A new bus is one more line."""

import re
from pathlib import Path

import pytest

from shared_kernel.buses.aws.bus import AwsBus, capabilities
from shared_kernel.buses.aws.names import Names as AwsNames
from shared_kernel.buses.feed import FeedBus
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.kafka.bus import KafkaBus
from shared_kernel.buses.kafka.options import KafkaOptions
from shared_kernel.buses.nats.core import NatsBus
from shared_kernel.buses.nats.jetstream import JetStreamBus
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.nats.stream import StreamDeclaration
from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.buses.pubsub.bus import PubSubBus
from shared_kernel.buses.pubsub.connection import PubSubConnection
from shared_kernel.buses.pubsub.messages import MOST_BYTES
from shared_kernel.buses.pubsub.names import Names as PubSubNames
from shared_kernel.buses.redis.address import RedisAddress
from shared_kernel.buses.redis.bus import RedisBus
from shared_kernel.buses.redis.connection import RedisConnection
from shared_kernel.buses.redis.names import Names
from tests.aws_server import AwsServer
from tests.contract.bus_bench import MIB, SUBJECTS, Bench
from tests.contract.bus_contract import Check, Kind, checks_for
from tests.kafka_server import KafkaServer
from tests.nats_server import NatsServer
from tests.pubsub_server import PROJECT, PubSubServer
from tests.redis_server import RedisServer
from tests.simulation.chaos_bus import ChaosBus

DOCUMENT = Path(__file__).parents[2] / "docs" / "delivery.md"
ACK_WAIT_S = 1.0
AGES_S = 1e9


def in_process(_: Path) -> Bench:
    return Bench(connect=InProcessBus)


def feed(_: Path) -> Bench:
    """Events within the process; those from other processes have tests of their own."""
    bus = FeedBus(())
    return Bench(connect=lambda: bus)


def nats(folder: Path) -> Bench:
    server = NatsServer(folder)
    server.start()
    options = NatsOptions(servers=[server.address], prefix="shop")
    return Bench(connect=lambda: NatsBus(options), server=server)


def jetstream(folder: Path) -> Bench:
    server = NatsServer(folder, jetstream=True)
    server.start()
    options = NatsOptions(servers=[server.address], prefix="shop")
    declared = StreamDeclaration(subjects=SUBJECTS)
    return Bench(
        connect=lambda: JetStreamBus(options, declared, ack_wait_s=ACK_WAIT_S),
        server=server,
    )


def redis(folder: Path) -> Bench:
    most_bytes = 2 * MIB
    server = RedisServer(folder, "--proto-max-bulk-len", str(most_bytes), appends=True)
    server.start()
    address = RedisAddress.of(server.url)
    return Bench(
        connect=lambda: RedisBus(
            RedisConnection(address),
            Names("shop"),
            # The events of the checks are years old.
            max_age_s=AGES_S,
            ack_wait_s=ACK_WAIT_S,
        ),
        server=server,
        most_bytes=most_bytes,
    )


def kafka(folder: Path) -> Bench:
    """This server keeps nothing when it is killed."""
    server = KafkaServer(folder)
    server.start()
    options = KafkaOptions(
        servers=[server.address], prefix="shop", subjects=SUBJECTS, max_age_s=AGES_S
    )
    return Bench(
        connect=lambda: KafkaBus(
            options, ack_wait_s=ACK_WAIT_S, logs=lambda: {"catalog": ""}
        ),
        server=server,
        most_bytes=MIB,
        keeps=False,
    )


def pubsub(folder: Path) -> Bench:
    server = PubSubServer(folder)
    server.start()
    address = PubSubAddress(project=PROJECT, emulator=server.host)
    names = PubSubNames(PROJECT, "shop")
    return Bench(
        connect=lambda: PubSubBus(
            PubSubConnection(address, names.heartbeats),
            names,
            ack_wait_s=int(ACK_WAIT_S),
        ),
        server=server,
        most_bytes=MOST_BYTES,
    )


def sns_and_sqs(folder: Path) -> Bench:
    return on_aws(folder, fifo=False)


def sns_and_sqs_fifo(folder: Path) -> Bench:
    return on_aws(folder, fifo=True)


def on_aws(folder: Path, *, fifo: bool) -> Bench:
    """This server keeps nothing when it is killed."""
    server = AwsServer(folder)
    server.start()
    names = AwsNames(prefix="shop", fifo=fifo)
    return Bench(
        connect=lambda: AwsBus(
            server.clients(), names, published=SUBJECTS, ack_wait_s=int(ACK_WAIT_S)
        ),
        server=server,
        keeps=False,
        most_bytes=MIB // 4,
    )


def havoc(_: Path) -> Bench:
    return Bench(connect=lambda: ChaosBus(InProcessBus(), seed=7), faithful=False)


BUSES = {
    "inprocess:": Kind(capabilities=InProcessBus.capabilities, bench=in_process),
    "feed:": Kind(capabilities=FeedBus.capabilities, bench=feed),
    "nats://": Kind(capabilities=NatsBus.capabilities, bench=nats, has_server=True),
    "jetstream://": Kind(
        capabilities=JetStreamBus.capabilities, bench=jetstream, has_server=True
    ),
    "redis://": Kind(capabilities=RedisBus.capabilities, bench=redis, has_server=True),
    "kafka://": Kind(
        capabilities=KafkaBus.capabilities,
        bench=kafka,
        has_server=True,
        # A group takes three seconds to share out its topics.
        is_proof=True,
    ),
    "pubsub://": Kind(
        capabilities=PubSubBus.capabilities, bench=pubsub, has_server=True
    ),
    "sns+sqs://": Kind(
        capabilities=capabilities(fifo=False), bench=sns_and_sqs, has_server=True
    ),
    "sns+sqs://, FIFO": Kind(
        capabilities=capabilities(fifo=True),
        bench=sns_and_sqs_fifo,
        has_server=True,
        is_proof=True,
    ),
}


def marks_of(kind: Kind) -> list[pytest.MarkDecorator]:
    marks = [pytest.mark.server] if kind.has_server else []
    return [*marks, pytest.mark.proof] if kind.is_proof else marks


CHAOS = ChaosBus(InProcessBus(), seed=7)
HAVOC = Kind(capabilities=CHAOS.capabilities, bench=havoc, faithful=False)
CASES = [
    pytest.param(
        kind,
        check,
        id=f"{name}-{check.__name__}",
        marks=marks_of(kind),
    )
    for name, kind in {**BUSES, "havoc": HAVOC}.items()
    for check in checks_for(kind)
]


@pytest.mark.parametrize(("kind", "check"), CASES)
def test_a_bus_keeps_the_contract(kind: Kind, check: Check, tmp_path: Path) -> None:
    bench = kind.bench(tmp_path)
    try:
        check(bench)
    finally:
        bench.close()
        if bench.server is not None:
            bench.server.kill()


def test_what_each_bus_promises_is_documented() -> None:
    section = re.search(
        r"<!-- capabilities -->\n(.*)<!-- /capabilities -->",
        DOCUMENT.read_text("utf-8"),
        re.DOTALL,
    )

    assert section is not None
    assert section[1] == capability_table()


PROMISES = (
    "between processes",
    "between replicas",
    "at least once",
    "waits for members",
    "in order",
)


def capability_table() -> str:
    """Markdown: what each bus declares."""
    lines = [
        f"| bus | {' | '.join(PROMISES)} |",
        f"| --- | {' | '.join('---' for _ in PROMISES)} |",
    ]
    for name, kind in BUSES.items():
        declared = kind.capabilities
        words = [
            "yes" if promised else "no"
            for promised in (
                declared.between_processes,
                declared.between_replicas,
                declared.at_least_once,
                declared.waits_for_members,
                declared.in_order,
            )
        ]
        lines.append(f"| `{name}` | {' | '.join(words)} |")
    return "\n".join(lines) + "\n"
