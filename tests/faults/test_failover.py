"""PostgreSQL fails over to a standby that had not yet received everything.

Commands acknowledged since then are lost with the primary. Read models that have
applied them report it; subscriptions whose cursor is in the same database lost both.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import attrs
import pytest

from app import Settings, assemble
from tests.cluster import ONE, ROOT, SPLIT, Cluster, Layout, wait_until
from tests.cluster_client import ask, at_rest, listed, register
from tests.databases import Files, Row, Schemas
from tests.postgres_server import PostgresServer
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.server

DATABASE = "storehouse"
READERS = {"catalog-queries": "catalog.listing", "inventory": "inventory.movements"}


@attrs.define(eq=False)
class ReadModelsApart:
    """Commands go to `serving`, through the proxy; read models are files."""

    serving: PostgresServer
    way: TcpProxy
    files: Files

    @property
    def environment(self) -> dict[str, str]:
        return {
            f"{owner.upper()}_DATABASE_URL": self.url(owner)
            for owner in ("catalog", "catalog_read", "inventory", "inventory_read")
        }

    def url(self, owner: str) -> str:
        if owner.endswith("_read"):
            return self.files.url(owner)
        address = f"127.0.0.1:{self.way.port}"
        return f"postgresql://postgres@{address}/{DATABASE}?schema={owner}"

    def rows(self, owner: str, sql: str) -> list[Row]:
        if owner.endswith("_read"):
            return self.files.rows(owner, sql)
        return Schemas(self.serving, DATABASE).rows(owner, sql)

    def upgrade(self) -> None:
        storehouse = assemble(Settings.from_environment(self.environment))
        for service in storehouse.services:
            for schema in service.schemas:
                schema.upgrade()
        storehouse.stop()


@pytest.fixture
def primary() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        server.create(DATABASE)
        yield server


@pytest.fixture
def databases(primary: PostgresServer, tmp_path: Path) -> Iterator[ReadModelsApart]:
    with TcpProxy(primary.port) as way:
        apart = ReadModelsApart(primary, way, Files(tmp_path))
        apart.upgrade()
        yield apart


@pytest.fixture
def standby(
    primary: PostgresServer, databases: ReadModelsApart
) -> Iterator[PostgresServer]:
    with PostgresServer(primary) as server:
        yield server


def said(cluster: Cluster, service: str) -> str:
    """By `/readyz`, while it is not ready."""
    (port,) = cluster.ports_of(service)
    with suppress(OSError):
        status, answer = ask(port, "GET", "/readyz")
        return json.dumps(answer) if status == 503 else ""
    return ""


def wait_until_reported(cluster: Cluster, of: str) -> None:
    """For each reader with its cursor in another database than the log."""
    for service, reader in READERS.items():

        def is_reported(service: str = service, reader: str = reader) -> bool:
            output = said(cluster, service)
            return reader in output and of in output

        wait_until(is_reported, f"{reader} to be refused")


def fail_over(databases: ReadModelsApart, standby: PostgresServer) -> None:
    databases.serving.kill()
    standby.start()
    standby.execute("postgres", "SELECT pg_promote()")
    databases.serving = standby
    databases.way.lead_to(standby.port)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("layout", "bus"), [(ONE, "inprocess"), (SPLIT, "nats")], ids=["one", "split"]
)
def test_a_failover_that_lost_events_is_reported_and_repaired(
    tmp_path: Path,
    databases: ReadModelsApart,
    primary: PostgresServer,
    standby: PostgresServer,
    layout: Layout,
    bus: str,
) -> None:
    with Cluster(tmp_path, layout, bus, databases=databases) as cluster:
        register(cluster, "A-1", "A-2", "A-3")
        at_rest(cluster)
        written = primary.execute("postgres", "SELECT pg_current_wal_lsn()")[0][0]
        received = f"SELECT pg_last_wal_replay_lsn() >= '{written}'"
        wait_until(lambda: standby.execute("postgres", received)[0][0], "the standby")
        standby.stop()
        register(cluster, "B-1", "B-2")
        at_rest(cluster)

        fail_over(databases, standby)
        wait_until_reported(cluster, "but 5 has been applied")
        register(cluster, "C-1", "C-2", "C-3", "C-4")
        wait_until_reported(cluster, "has grown again")
        assert listed(cluster) == {"A-1", "A-2", "A-3", "B-1", "B-2"}

        for service in READERS:
            command = (sys.executable, "-m", "flask", "--app", "app", "subscriptions")
            subprocess.run(
                [*command, "begin-anew"],
                cwd=ROOT,
                env={**os.environ, **cluster.environment_of(service)},
                check=True,
            )
        at_rest(cluster)
        assert listed(cluster) == {"A-1", "A-2", "A-3", "C-1", "C-2", "C-3", "C-4"}
