"""A file of products as a job of the server, beside the same at the command line.

python -m tests.benchmarks.imports
"""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.measuring import (
    Result,
    compared,
    interleaved,
    per_second,
    show,
)
from tests.benchmarks.over_http import time_to_catch_up
from tests.benchmarks.servers import ROOT, load, on_databases, request
from tests.databases import in_folder

PRODUCTS = 100_000
LEAST_RATIO, MOST_MB = 0.7, 60.0
# The nine clients share the server, and each has the same part of its time.
SEARCHERS, LEAST_RATIO_OF_POSTS = 8, 0.05
POST_S, POST_ROUNDS = 4, 3
LOOK_S, TIMEOUT_S = 0.1, 600.0
_HEADER = "sku,name,price_minor_units,price_currency,stock_count,description\n"


def results() -> list[Result]:
    """Measured once: it takes minutes."""
    with TemporaryDirectory(prefix="storehouse-bench-") as name:
        folder = Path(name)
        file = folder / "products.csv"
        file.write_text(_HEADER + "".join(map(_product, range(PRODUCTS))))
        reference = per_second(lambda: _at_the_command_line(folder, file))
        with on_databases(in_folder(_made(folder / "server")).environment) as server:
            time_to_catch_up(server.port)
            processes = _family(server.pid)
            for each in processes:
                # Its highest so far is not that of the import.
                Path(f"/proc/{each}/clear_refs").write_text("5")
            before_mb = sum(_memory_mb(each, "VmRSS") for each in processes)
            begun = time.perf_counter()
            ours = per_second(lambda: _by_the_server(server.port, file))
            time_to_catch_up(server.port, TIMEOUT_S)
            listed_s = time.perf_counter() - begun
            highest_mb = sum(_memory_mb(each, "VmHWM") for each in processes)
            posted = interleaved(
                lambda: _posted_while_others_search(server.port),
                lambda: _posted(server.port),
                POST_ROUNDS,
            )
    return [
        compared(
            f"POST /products/imports, {PRODUCTS:,} products, SQLite",
            "flask catalog import",
            "products/s",
            (ours, reference),
            LEAST_RATIO,
            f"registered; all are listed after {listed_s:.0f} s",
        ),
        Result(
            work=f"memory of a server that imports {PRODUCTS:,} products",
            reference_work="",
            unit="MB more",
            ours=highest_mb - before_mb,
            reference=None,
            to_reach=f"≤ {MOST_MB:.0f}",
            reached=highest_mb - before_mb <= MOST_MB,
            note=f"at most, besides {before_mb:.0f} MB in {len(processes)} process(es)",
        ),
        compared(
            f"POST /products, 1 client, while {SEARCHERS} search {PRODUCTS:,}, SQLite",
            "nobody searches",
            "req/s",
            posted,
            LEAST_RATIO_OF_POSTS,
            "words that stand nowhere, and SKUs",
        ),
    ]


def _product(number: int) -> str:
    return f"BENCH-{number:07},Lamp number {number},1999,EUR,5,A lamp\n"


def _at_the_command_line(folder: Path, file: Path) -> int:
    databases = in_folder(_made(folder / "command-line"))
    environment = os.environ | databases.environment
    environment |= {"PYTHONPATH": str(ROOT), "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "flask", "--app", "app", "catalog", "import"]
    subprocess.run(
        [*command, str(file)],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return PRODUCTS


def _by_the_server(port: int, file: Path) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        sent = {"Content-Type": "text/csv"}
        response, body = request(
            connection, "POST", "/products/imports", file.read_text(), sent
        )
        if response.status != 202:
            raise RuntimeError(f"{response.status}: {body!r}")
        where, pause = str(response.headers["Location"]), threading.Event()
        begun = time.perf_counter()
        while time.perf_counter() - begun < TIMEOUT_S:
            _, body = request(connection, "GET", where)
            if (state := json.loads(body))["ended"]:
                if state["registered"] != PRODUCTS:
                    raise RuntimeError(f"not all are registered: {state}")
                return PRODUCTS
            pause.wait(LOOK_S)
    raise RuntimeError("the import does not end")


def _posted_while_others_search(port: int) -> float:
    with ThreadPoolExecutor(1) as pool:
        searched = pool.submit(
            load,
            port,
            "/products",
            script="search.lua",
            seconds=POST_S + 1,
            connections=SEARCHERS,
        )
        posted = _posted(port)
        searched.result()
    return posted


def _posted(port: int) -> float:
    return load(
        port,
        "/products",
        script="register.lua",
        seconds=POST_S,
        connections=1,
        arguments=(f"S{uuid.uuid4().hex[:12]}",),
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _family(root: int) -> list[int]:
    """The process and those that it has started: a server may be one of these."""
    listed = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    return [root, *(each for child in listed for each in _family(int(child)))]


def _memory_mb(process: int, field: str) -> float:
    """proc_pid_status(5)."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field}")


if __name__ == "__main__":
    show(results())
