"""Each import contract fails when it is broken on purpose, in a copy of the code."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app import CONTEXTS

ROOT = Path(__file__).parents[2]

BREACHES = [
    ("catalog/read_model/product_listing.py", "inventory.published", "strangers"),
    ("inventory/adapters/http.py", "catalog.published", "strangers"),
    ("shared_kernel/events/relay.py", "catalog.published", "knows no context"),
    ("catalog/domain/product.py", "catalog.application.commands", "rooms stand"),
    ("inventory/application/handlers.py", "inventory.adapters.tables", "rooms stand"),
    ("catalog/published.py", "catalog.domain.events", "rooms stand"),
    ("inventory/domain/events.py", "inventory.published", "rooms stand"),
    ("shared_kernel/domain/sku.py", "shared_kernel.storage.errors", "kernel's rooms"),
    ("shared_kernel/clock.py", "shared_kernel.storage.errors", "kernel's rooms"),
    ("shared_kernel/storage/errors.py", "shared_kernel.buses.port", "kernel's rooms"),
    ("shared_kernel/buses/port.py", "shared_kernel.events.seal", "kernel's rooms"),
    ("shared_kernel/events/seal.py", "shared_kernel.migrations", "kernel's rooms"),
    ("shared_kernel/migrations/env.py", "shared_kernel.web", "kernel's rooms"),
    ("shared_kernel/queues/jobs.py", "shared_kernel.migrations", "kernel's rooms"),
    ("shared_kernel/events/reading.py", "shared_kernel.queues", "kernel's rooms"),
    ("shared_kernel/web/pages.py", "shared_kernel.runtime", "kernel's rooms"),
    ("shared_kernel/runtime/logs.py", "shared_kernel.files", "kernel's rooms"),
    ("shared_kernel/files/progress.py", "shared_kernel.operations", "kernel's rooms"),
    ("shared_kernel/operations/metrics.py", "shared_kernel.serving", "kernel's rooms"),
    ("catalog/application/handlers.py", "sqlalchemy", "No framework"),
    ("inventory/published.py", "msgspec", "No framework"),
    ("inventory/domain/stock_item.py", "time", "knows no clock"),
    ("shared_kernel/domain/aggregate.py", "uuid", "knows no clock"),
    ("catalog/bootstrap.py", "app", "composition root"),
]


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("code")
    for name in (*(context.name for context in CONTEXTS), "shared_kernel"):
        shutil.copytree(
            ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def broken_contracts(code: Path) -> str:
    ended = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=code,
        capture_output=True,
        text=True,
        check=False,
    )
    return "\n".join(
        line for line in ended.stdout.splitlines() if line.endswith("BROKEN")
    )


@pytest.mark.slow
@pytest.mark.parametrize(("path", "imported", "contract"), BREACHES)
def test_a_wrong_import_breaks_its_contract(
    code: Path, path: str, imported: str, contract: str
) -> None:
    file = code / path
    original = file.read_text("utf-8")
    file.write_text(f"{original}\nimport {imported}\n", "utf-8")

    found = broken_contracts(code)

    file.write_text(original, "utf-8")
    assert contract in found
