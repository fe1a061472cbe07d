"""One storehouse for tests that can share it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web_clients import Shop, a_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def lasting_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Shared by the tests of a module, which register nothing in it."""
    with a_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened
