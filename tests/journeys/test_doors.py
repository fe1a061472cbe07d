"""A shop that asks for tokens, as processes."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cluster import SPLIT, CannotStartError, Cluster, wait_until

pytestmark = pytest.mark.server
SECRET = "a secret of all processes"


def test_where_strangers_reach_the_port_the_start_is_refused(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, settings={"HOST": "0.0.0.0"})

    with pytest.raises(CannotStartError) as refused:
        cluster.start()
    cluster.abandon()

    assert refused.value.exit_code == 2
    told = str(refused.value)
    assert "HOST is 0.0.0.0" in told
    assert "\n  AUTH=tokens\n  flask --app app tokens create --name" in told
    assert "AUTH=none" in told


def test_a_proxy_may_decide_who_comes_in(tmp_path: Path) -> None:
    with Cluster(tmp_path, settings={"HOST": "0.0.0.0", "AUTH": "none"}) as cluster:
        (port,) = cluster.ports_of("inventory")
        assert httpx.get(f"http://127.0.0.1:{port}/products").status_code == 200


def test_three_processes_ask_for_tokens_and_each_other(tmp_path: Path) -> None:
    settings = {
        "AUTH": "tokens",
        "PEER_TOKEN": SECRET,
        "ACCESS_DATABASE_URL": f"sqlite:///{tmp_path}/access.db",
    }
    with Cluster(tmp_path, SPLIT, "feed", settings=settings) as cluster:
        token = created(cluster, "catalog:read,catalog:write,inventory:read")
        ports = {name: cluster.ports_of(name)[0] for name in cluster.processes}
        commands, queries, inventory = ports.values()
        lamp = {"name": "Lamp", "sku": "LAMP-1", "stock_count": 5}

        def ask(port: int, path: str, shown: str | None = token) -> httpx.Response:
            headers = {"Authorization": f"Bearer {shown}"} if shown else {}
            return httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers)

        url = f"http://127.0.0.1:{commands}/products"
        assert httpx.post(url, json=lamp).status_code == 401
        shown = {"Authorization": f"Bearer {token}"}
        assert httpx.post(url, json=lamp, headers=shown).status_code == 201
        wait_until(
            lambda: ask(queries, "/products/LAMP-1?stock=exact").status_code == 200,
            "the product, with its stock",
        )
        assert ask(queries, "/products/LAMP-1?stock=exact").json()["stock"] == 5
        assert ask(inventory, "/stock/LAMP-1").json()["on_hand"] == 5
        assert ask(queries, "/status").status_code == 403
        assert ask(queries, "/status", SECRET).json()["not_asked"] == []

        run(cluster, "revoke", "till-7")
        for port in ports.values():
            assert ask(port, "/status").status_code == 401


def created(cluster: Cluster, scopes: str) -> str:
    return run(cluster, "create", "--name", "till-7", "--scope", scopes)


def run(cluster: Cluster, *arguments: str) -> str:
    """A command of `tokens` at the command line."""
    result = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "tokens", *arguments],
        env=cluster.environment_of("inventory"),
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()
