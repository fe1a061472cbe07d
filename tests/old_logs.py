"""Logs as earlier releases wrote them, in `tests/data/logs/RELEASE/`.

`python -m tests.old_logs RELEASE` keeps a log of each context as it is written today,
with every type of event. Files of released versions never change. `before-0.1.0` was
written when `stock.counted` had one version only.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import sqlalchemy as sa
from flask.testing import FlaskClient

from app import Settings, assemble
from shared_kernel.events.entries import LOG
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from tests.storehouses import urls

FOLDER = Path(__file__).parent / "data" / "logs"

Row = dict[str, Any]


@attrs.define
class _Clock:
    now: datetime = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def rows_of(release: Path, context: str) -> list[Row]:
    """The rows of the table `event_log`, in order; `data` is text.

    None if the release had no such context.
    """
    file = release / f"{context}.ndjson"
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def restore(storehouse: RunningServices, release: Path) -> None:
    """Fill the empty logs of `storehouse` with those of `release`."""
    for service in storehouse.writing:
        rows = [
            {**row, "data": row["data"].encode()}
            for row in rows_of(release, service.log.source)
        ]
        if rows:
            with service.log.database.writing() as connection:
                connection.execute(sa.insert(LOG), rows)


def play(client: FlaskClient, settle: Callable[[], object], clock: _Clock) -> None:
    """A shop in which everything happens that is published."""

    def ask(method: str, path: str, body: object = None) -> None:
        response = client.open(path, method=method, json=body)
        assert response.status_code < 300, (method, path, response.text)
        settle()

    lamp = {"name": "Desk lamp", "sku": "LAMP-0001", "stock_count": 12}
    price = {"minor_units": 1999, "currency": "EUR"}
    ask("POST", "/products", lamp | {"price": price})
    ask("POST", "/products", {"name": "Äpfel", "sku": "ÄPFEL 1", "stock_count": 0})
    ask("PUT", "/products/LAMP-0001/name", {"name": "Desk lamp, brass"})
    ask("PUT", "/products/LAMP-0001/description", {"description": "Of brass."})
    ask("PUT", "/products/LAMP-0001/price", {"minor_units": 2499, "currency": "EUR"})
    ask("PUT", "/stock/LAMP-0001/reorder-point", {"pieces": 5})
    ask("PUT", "/stock/LAMP-0001/reservations/A", {"quantity": 3})
    ask("POST", "/stock/LAMP-0001/reservations/A/shipment")
    ask("PUT", "/stock/LAMP-0001/reservations/B", {"quantity": 4})
    ask("DELETE", "/stock/LAMP-0001/reservations/B")
    ask("PUT", "/stock/LAMP-0001/reservations/C", {"quantity": 2})
    clock.now += timedelta(days=1)
    settle()
    ask("PUT", "/stock/LAMP-0001/reservations/D", {"quantity": 6})
    ask("PUT", "/stock/LAMP-0001/reservations/E", {"quantity": 3})
    ask("POST", "/stock/LAMP-0001/counts", {"on_hand": 4, "reason": "water damage"})
    ask("POST", "/stock/LAMP-0001/counts", {"on_hand": 0, "reason": "all of it"})
    ask("POST", "/stock/LAMP-0001/receipts", {"quantity": 10})
    ask("PUT", "/stock/LAMP-0001/reservations/F", {"quantity": 2})
    ask("PUT", "/stock/LAMP-0001/reservations/F", {"quantity": 3})
    ask("POST", "/stock/LAMP-0001/reservations/A/returns", {"quantity": 1})
    ask("POST", "/stock/LAMP-0001/corrections", {"difference": -9, "reason": "broken"})
    ask("POST", "/products/LAMP-0001/discontinue")
    ask("POST", "/products/LAMP-0001/relist")
    ask("POST", "/products/ÄPFEL 1/discontinue")


def keep(release: Path) -> None:
    """Write the logs of a shop of today to the folder `release`."""
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(**urls(Path(folder)), sqlite_synchronous="NORMAL")
        storehouse = assemble(settings, clock=clock)
        client = web_application(storehouse).test_client()
        play(client, storehouse.workers.run_until_idle, clock)
        for service in storehouse.writing:
            with service.log.database.reading() as connection:
                rows = connection.execute(sa.select(LOG).order_by(LOG.c.position))
                lines = [_line(row._asdict()) for row in rows]
            file = release / f"{service.log.source}.ndjson"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(lines), "utf-8")
        storehouse.stop()


def _line(row: Row) -> str:
    row["data"] = row["data"].decode()
    return json.dumps(row, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    keep(FOLDER / sys.argv[1])
