"""Requests of tests to a cluster over HTTP, and what they wait for."""

import http.client
import json
from contextlib import closing
from typing import Any

from tests.cluster import Cluster, wait_until
from tests.simulation.laws import violations


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and body, decoded if it is JSON."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as asking:
        data = None if body is None else json.dumps(body)
        asking.request(method, path, data, {"Content-Type": "application/json"})
        answer = asking.getresponse()
        said = answer.read()
        return answer.status, json.loads(said) if said[:1] in b"{[" else said.decode()


def register(cluster: Cluster, *skus: str) -> None:
    """With three pieces each; retried while commands are unavailable."""
    (port,) = cluster.ports_of("catalog-commands")
    for sku in skus:
        body = {"sku": sku, "name": f"It is {sku}", "stock_count": 3}

        def is_registered(body: object = body) -> bool:
            status, said = ask(port, "POST", "/products", body)
            assert status in (201, 503), said
            return status == 201

        wait_until(is_registered, f"registering {sku}")


def listed(cluster: Cluster) -> set[str]:
    (port,) = cluster.ports_of("catalog-queries")
    _, page = ask(port, "GET", "/products?limit=100")
    return {each["code"] for each in page}


def at_rest(cluster: Cluster) -> None:
    """Everything that was recorded has been published and applied."""
    wait_until(lambda: violations(cluster.databases) == [], "coming to rest")
