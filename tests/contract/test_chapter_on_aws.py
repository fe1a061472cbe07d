"""The chapter's programs on SNS and SQS: they know boto3 and JSON, nothing of us."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.aws_server import environment
from tests.cluster import SPLIT, Cluster, wait_until

pytestmark = [pytest.mark.server, pytest.mark.proof]
PRODUCTS = 12
READER = f"""
import json
import boto3

sns, sqs = boto3.client("sns"), boto3.client("sqs")
queue = sqs.create_queue(QueueName="product-reader")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
for topic in sns.list_topics()["Topics"]:
    sns.subscribe(
        TopicArn=topic["TopicArn"],
        Protocol="sqs",
        Endpoint=arn["Attributes"]["QueueArn"],
        Attributes={{"RawMessageDelivery": "true"}},
    )
print("ready", flush=True)
seen = 0
while seen < {PRODUCTS}:
    received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)
    for message in received.get("Messages", ()):
        event = json.loads(message["Body"])
        if event["type"] == "product.inserted":
            print(event["data"]["sku"], event["data"]["name"], flush=True)
            seen += 1
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
"""
WRITER = """
import json
import boto3

sqs = boto3.client("sqs")
queue = sqs.get_queue_url(QueueName="new-product")["QueueUrl"]
product = {"name": "Desk lamp", "sku": "LAMP-NEW", "stock_count": 5}
sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(product))
sqs.send_message(QueueUrl=queue, MessageBody="no product")
"""


def started(program: str, cluster: Cluster) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env=dict(environment(cluster.broker.port)),
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_product_reader_and_a_product_writer(tmp_path: Path) -> None:
    with Cluster(tmp_path, SPLIT, "aws") as cluster:
        commands, queries = (
            httpx.Client(base_url=f"http://127.0.0.1:{cluster.ports_of(service)[0]}")
            for service in ("catalog-commands", "catalog-queries")
        )
        wait_until(lambda: has_joined(commands), "joining the bus")
        reader = started(READER, cluster)
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for number in range(PRODUCTS):
            product = {"name": f"Lamp {number}", "sku": f"LAMP-{number}"}
            answer = commands.post("/products", json={**product, "stock_count": 1})
            assert answer.status_code == 201

        lines, _ = reader.communicate(timeout=30)
        started(WRITER, cluster).communicate(timeout=30)

        assert sorted(lines.splitlines()) == sorted(
            f"LAMP-{number} Lamp {number}" for number in range(PRODUCTS)
        )
        wait_until(
            lambda: queries.get("/products/LAMP-NEW").status_code == 200, "the product"
        )
        wait_until(lambda: len(dead_letters(commands)) == 1, "the dead letter")
        assert "JSON is malformed" in json.dumps(dead_letters(commands))
        commands.close()
        queries.close()


def has_joined(client: httpx.Client) -> bool:
    """The first one makes the topic, and waits until its stock is there."""
    product = {"name": "First", "sku": "FIRST", "stock_count": 1}
    client.post("/products", json=product)
    return client.get("/readyz").status_code == 200


def dead_letters(client: httpx.Client) -> list[object]:
    letters: list[object] = client.get("/dead-letters").json()["letters"]
    return letters
