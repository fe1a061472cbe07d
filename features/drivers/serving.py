"""The real server, with a clock that can be advanced through a file.

`python -m features.drivers.serving FILE` is like `python app.py`, except that the clock
is ahead by the number of minutes in FILE.
"""

import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import app
from shared_kernel.clock import system_clock
from shared_kernel.serving.serving_until_told import serve_until_told


def advanced_clock(minutes_file: Path) -> datetime:
    return system_clock() + timedelta(minutes=int(minutes_file.read_text()))


if __name__ == "__main__":
    clock = partial(advanced_clock, Path(sys.argv[1]))
    serve_until_told(app.assemble, app.Settings, clock)
