"""A shop for each test."""

from collections.abc import Iterator

import pytest

from shared_kernel.runtime.workers import Workers
from tests.databases import Databases
from tests.shared_kernel.operations.shop import Shop, a_shop, workers_that_run


@pytest.fixture
def shop(databases: Databases) -> Iterator[Shop]:
    with a_shop(databases) as shop:
        yield shop


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = workers_that_run()
    yield workers
    workers.stop()
