"""The real server, with a clock that can be put forward through a file.

`python -m features.drivers.serving FILE`: the settings are the environment's, FILE
holds how many minutes have passed.
"""

import os
import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from flask import Flask

from app import assemble, web_application
from shared_kernel.adapters.clock import system_clock
from shared_kernel.adapters.server import Worker, serve
from shared_kernel.adapters.settings import Settings


def build(settings: Settings, passed: Path, worker: Worker) -> Flask:
    def clock() -> datetime:
        return system_clock() + timedelta(minutes=int(passed.read_text()))

    storehouse = assemble(settings, clock=clock)
    worker.on_stop(storehouse.stopping.set)
    worker.on_exit(storehouse.stop)
    storehouse.start()
    return web_application(storehouse)


if __name__ == "__main__":
    settings = Settings.from_environment(os.environ)
    serve(
        partial(build, settings, Path(sys.argv[1])),
        host=settings.host,
        port=settings.port,
    )
