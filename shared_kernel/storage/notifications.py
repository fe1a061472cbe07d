"""Notifications when other processes add rows to a table in PostgreSQL.

Each table has a channel of its own; `give_positions()` notifies on that of the log. A
notification may be lost with its connection, so users of this class also read the table
at intervals.
"""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import structlog
from psycopg import sql

LISTEN_S = 1.0
"""How long closing may take."""
RETRY_S = 0.5

_CHANNEL = "SELECT 'storehouse_' || CAST(CAST(%s AS regclass) AS oid)"
ANNOUNCE = "SELECT pg_notify('storehouse_' || CAST(CAST(%s AS regclass) AS oid), '')"
_log = structlog.get_logger(__name__)


class Notifications:
    """A thread that listens on a connection of its own.

    `notify` is called with the number announced, if there is one; or with None, also
    when notifications may have been lost. `name` is for the log and the thread.
    """

    def __init__(
        self,
        connect: Callable[[], "psycopg.Connection[Any]"],
        name: str,
        notify: Callable[[int | None], None],
        table: str,
    ) -> None:
        self._connect = connect
        self._name = name
        self._table = table
        self._notify = notify
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(
            target=self._loop,
            name=f"storehouse-notifications-{self._name}",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join(2 * LISTEN_S)

    def _loop(self) -> None:
        failures = 0
        while not self._closed.is_set():
            try:
                with self._connect() as connection:
                    self._listen(connection, back=failures > 0)
                    failures = 0
            except psycopg.Error as error:
                failures += 1
                if failures == 1:
                    why = " ".join(str(error).split())
                    _log.warning("notifications lost", name=self._name, error=why)
                self._closed.wait(RETRY_S)

    def _listen(self, connection: "psycopg.Connection[Any]", *, back: bool) -> None:
        row = connection.execute(_CHANNEL, (self._table,)).fetchone()
        (channel,) = row or ("",)
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        if back:
            _log.info("notifications are back", name=self._name)
        self._notify(None)
        while not self._closed.is_set():
            for notification in connection.notifies(timeout=LISTEN_S):
                self._notify(int(notification.payload or 0) or None)
                if self._closed.is_set():
                    break
