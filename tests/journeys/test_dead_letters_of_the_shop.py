"""Three processes: each of them shows the dead letters and the state of all."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import Result

from app import Settings, assemble
from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DEAD
from shared_kernel.storage.database import Database
from tests.cluster import SPLIT, Cluster
from tests.shared_kernel.events.builders import an_envelope
from tests.storehouses import commands_of, run

pytestmark = pytest.mark.server

SERVICES = ["catalog-commands", "catalog-queries", "inventory"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path, SPLIT, "feed") as cluster:
        yield cluster


def dead_letter(cluster: Cluster, owner: str, subscription: str) -> None:
    """As if `subscription` had failed to apply an event of the catalog."""
    event = an_envelope(1, "product.repriced", "catalog")
    failure = Failure(error_type="KeyError", place="somewhere:on", message="price")
    database = Database(cluster.databases.url(owner))
    with database.writing() as connection:
        store.add(
            connection,
            subscription,
            [event],
            state=DEAD,
            reason=failure.reason,
            attempts=5,
            now_us=0,
            failure=failure,
        )
    database.close()


def told(cluster: Cluster, service: str, *arguments: str) -> Result:
    """By a command in the environment of the process that runs `service`."""
    environment = cluster.environment_of(service)
    storehouse = assemble(Settings.from_environment(environment))
    try:
        return run(commands_of(storehouse), *arguments)
    finally:
        storehouse.stop()


def test_every_process_shows_what_all_have_and_who_is_away(cluster: Cluster) -> None:
    dead_letter(cluster, "catalog_read", "catalog.listing")
    dead_letter(cluster, "inventory", "inventory.catalog")

    for service in SERVICES:
        # Inventory knows the address of catalog-commands alone, which knows the other.
        listed = told(cluster, service, "dead-letters", "list", "--json")
        assert (listed.exit_code, listed.stderr) == (0, "")
        found = [json.loads(line)["letter"] for line in listed.stdout.splitlines()]
        assert found == ["catalog_read:1", "inventory:1"]

        (port,) = cluster.ports_of(service)
        here = httpx.get(f"http://127.0.0.1:{port}/dead-letters").json()
        assert [each["letter"] for each in here["letters"]] == found
        status = json.loads(told(cluster, service, "status", "--json").stdout)
        assert sorted(each["name"] for each in status["services"]) == SERVICES
        assert status["not_asked"] == here["not_asked"] == []

    # A compaction of the catalog's log asks those that read it.
    compacted = told(cluster, "catalog-commands", "events", "compact")
    assert (compacted.exit_code, compacted.stderr) == (0, "")
    (port,) = cluster.ports_of("catalog-queries")
    needed = httpx.get(f"http://127.0.0.1:{port}/readers/catalog").json()
    assert needed["keys"] == ["LAMP-0001"]
    assert "catalog.listing" in needed["read"]

    # Who is asked to repair what another one has names that one.
    ports = {name: cluster.ports_of(name)[0] for name in SERVICES}
    holder = f"http://127.0.0.1:{ports['catalog-queries']}"
    asked = f"http://127.0.0.1:{ports['inventory']}/dead-letters/catalog_read:1/replay"
    refused = httpx.post(asked)
    assert (refused.status_code, refused.json()["at"]) == (404, holder)
    told_so = told(cluster, "inventory", "dead-letters", "replay", "catalog_read:1")
    assert told_so.exit_code == 2
    assert f"the process at {holder} has it" in " ".join(told_so.stderr.split())

    cluster.kill("catalog-queries")
    compacted = told(cluster, "catalog-commands", "events", "compact")
    assert "catalog-queries could not be asked what it still needs" in compacted.stderr
    listed = told(cluster, "inventory", "dead-letters", "list", "--json")

    assert listed.exit_code == 1
    (line,) = listed.stdout.splitlines()
    assert json.loads(line)["letter"] == "inventory:1"
    assert "Not asked: catalog-queries: catalog-queries does not answer" in (
        listed.stderr
    )

    refused = httpx.post(asked)
    assert "at" not in refused.json()
    assert (
        "catalog-queries may have it, and could not be asked"
        in (refused.json()["detail"])
    )
