"""The real server, with a clock that can be put forward through a file.

`python -m features.drivers.serving FILE` is `python app.py`, but for the clock: FILE
holds how many minutes have passed.
"""

import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import app
from shared_kernel.clock import system_clock
from shared_kernel.serving.starting import serve_until_told


def put_forward(passed: Path) -> datetime:
    return system_clock() + timedelta(minutes=int(passed.read_text()))


if __name__ == "__main__":
    clock = partial(put_forward, Path(sys.argv[1]))
    serve_until_told(app.assemble, app.Settings, clock)
