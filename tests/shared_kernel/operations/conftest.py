"""A shop of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_kernel.adapters.workers import Workers
from tests.shared_kernel.operations.shop import Shop, a_shop, workers_that_run


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = workers_that_run()
    yield workers
    workers.stop()
