"""Interleaved rounds of a work and its reference, and the ratio of their medians."""

import shutil
import statistics
import time
from collections.abc import Callable, Sequence

import attrs
from rich.console import Console
from rich.table import Table

ROUNDS = 5


@attrs.frozen(kw_only=True)
class Result:
    """`ours` and `reference` are medians in `unit`; more is better unless `less`."""

    work: str
    reference_work: str
    unit: str
    ours: float
    reference: float | None
    to_reach: str
    reached: bool
    note: str = ""

    @property
    def ratio(self) -> str:
        return "" if self.reference is None else f"{self.ours / self.reference:.2f}"


def per_second(work: Callable[[], int]) -> float:
    """Do `work`, which returns a count, and return the count per second."""
    begun = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - begun)


def interleaved(
    ours: Callable[[], float], reference: Callable[[], float], rounds: int = ROUNDS
) -> tuple[float, float]:
    """The medians of `rounds` rounds, each of the reference and then of ours."""
    measured = [(reference(), ours()) for _ in range(rounds)]
    return (
        statistics.median(mine for _, mine in measured),
        statistics.median(theirs for theirs, _ in measured),
    )


def compared(
    work: str,
    reference_work: str,
    unit: str,
    medians: tuple[float, float],
    least_ratio: float,
    note: str = "",
) -> Result:
    ours, reference = medians
    return Result(
        work=work,
        reference_work=reference_work,
        unit=unit,
        ours=ours,
        reference=reference,
        to_reach=f"≥ {least_ratio:.2f}",
        reached=ours / reference >= least_ratio,
        note=note,
    )


def show(results: Sequence[Result]) -> None:
    # Wide enough for a log, whatever the terminal.
    width = max(150, shutil.get_terminal_size().columns)
    table = Table(title="Storehouse against its references (medians)")
    for heading in ("work", "ours", "reference", "", "ratio", "to reach", "", "note"):
        table.add_column(heading, justify="left")
    for result in results:
        reference = "" if result.reference is None else _shown(result.reference)
        table.add_row(
            result.work,
            f"{_shown(result.ours)} {result.unit}",
            reference,
            result.reference_work,
            result.ratio,
            result.to_reach,
            "yes" if result.reached else "NO",
            result.note,
        )
    Console(width=width).print(table)


def _shown(number: float) -> str:
    return f"{number:,.1f}" if number < 100 else f"{number:,.0f}"
