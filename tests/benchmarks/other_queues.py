"""Libraries of others, installed for the bench in a temporary environment."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.servers import HERE

JOBS = 1000
TIMEOUT_S = 120.0
INSTALLED = {
    "pgqueuer": ("pgqueuer==1.6.*", "asyncpg"),
    "procrastinate": ("procrastinate==3.10.*", "psycopg[binary]"),
    "awa": ("awa-pg==0.6.*",),
    "huey": ("huey==3.5.*",),
    "rq": ("rq==3.0.*",),
    "dramatiq": ("dramatiq[redis]==2.2.*",),
}


class NotMeasuredError(Exception):
    """The message is the reason."""


@contextmanager
def libraries() -> Iterator[Path]:
    """The Python of an environment where those are that could be installed."""
    with TemporaryDirectory(prefix="storehouse-bench-") as folder:
        uv, environment = Path(sys.executable).parent / "uv", Path(folder) / "others"
        subprocess.run([uv, "--quiet", "venv", environment], check=True)
        python = environment / "bin" / "python"
        for packages in INSTALLED.values():
            # What is missing then says so when it is measured.
            subprocess.run(
                [uv, "--quiet", "pip", "install", "--python", python, *packages],
                stderr=subprocess.DEVNULL,
                check=False,
            )
        yield python


def rate_of(python: Path, name: str, where: str | Path) -> float:
    """Jobs a second, after `queue_references.py`."""
    script = HERE / "queue_references.py"
    command = [str(each) for each in (python, script, name, where, JOBS)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotMeasuredError(f"not done after {TIMEOUT_S:.0f} s") from None
    if done.returncode != 0:
        raise NotMeasuredError(done.stderr.strip().rpartition("\n")[2])
    return float(done.stdout)
