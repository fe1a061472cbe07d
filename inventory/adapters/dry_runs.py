"""Files of stock and orders, done or tried: `--dry-run`."""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import attrs
import click

from inventory.adapters.services import InventoryServices
from shared_kernel.domain import foreign_names
from shared_kernel.files.arguments import FileArguments
from shared_kernel.files.dry_run import DryRun, EarlierRows
from shared_kernel.files.presets import Preset
from shared_kernel.files.row_file import Row
from shared_kernel.files.run import Work, run
from shared_kernel.runtime.workers import Workers

W = TypeVar("W", bound=Work)

takes_a_dry_run = click.option(
    "--dry-run", is_flag=True, help="Do everything, row by row, and keep nothing."
)


def run_or_try(
    work_with: Callable[[InventoryServices], W],
    services: InventoryServices,
    workers: Workers,
    file: FileArguments,
    *,
    dry: bool,
    preset: Preset | None = None,
    named: Callable[[W, Row], Row] = lambda _, row: row,
) -> int:
    """The exit code. See DryRun for `named`."""
    if not dry:
        return run(work_with(services), workers, file, preset=preset)
    work = work_with(attrs.evolve(services, writer=services.writer.dry()))
    with contextlib.closing(EarlierRows(_sku)) as earlier:
        tried = DryRun(work, earlier, partial(named, work))
        return run(tried, workers, file, dry=True, preset=preset)


def _sku(row: Row) -> str:
    """What becomes of a row depends on the rows of the same stock item alone."""
    return foreign_names.folded(str(row.values.get("sku", "")).strip())
