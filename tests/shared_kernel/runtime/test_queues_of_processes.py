"""A queue between processes: who adds announces it, and who consumes is woken."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app import Settings, assemble
from shared_kernel.runtime.running import RunningServices
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.databases import Schemas
from tests.storehouses import urls

LAMP = '{"sku":"LAMP-0001","name":"Lamp","stock_count":1}'


@contextmanager
def a_process(schemas: Schemas, **settings: Any) -> Iterator[RunningServices]:
    # Nobody finds anything by looking at intervals.
    storehouse = assemble(
        Settings(**urls(schemas), queue_poll_interval_ms=60_000, **settings)
    )
    try:
        yield storehouse
    finally:
        storehouse.stop()


@pytest.mark.server
def test_on_postgresql_a_worker_elsewhere_begins_at_once(schemas: Schemas) -> None:
    with a_process(schemas) as worker, a_process(schemas) as adding:
        worker.consume()
        queue = adding.queues[0].queue

        queue.add("new.product", LAMP)
        adding.workers.step()

        wait_until(lambda: worker.queues[0].queue.counts.done == 1, "the worker")


@pytest.mark.server
def test_many_messages_are_announced_once_and_by_no_transaction_that_adds(
    schemas: Schemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced: list[str] = []
    monkeypatch.setattr(Database, "announce", lambda _, table: announced.append(table))
    with a_process(schemas) as adding:
        queue = adding.queues[0].queue
        for _ in range(20):
            queue.add("new.product", LAMP)
        assert announced == []

        adding.workers.step()
        adding.workers.step()

    assert announced == ["jobs"]


@pytest.mark.server
def test_a_process_without_worker_leaves_messages_to_others(schemas: Schemas) -> None:
    services = frozenset(Settings.declared_services())
    with a_process(schemas, services=services) as serving:
        serving.start()
        queue = serving.queues[0].queue
        queue.add("new.product", LAMP)

        assert not queue.is_consumed
        with a_process(schemas) as worker:
            worker.consume()
            wait_until(lambda: queue.depth().waiting == 0, "the worker")
