"""Notifications when other processes append to a log in PostgreSQL.

`give_positions()` notifies on a channel of the log's own. A notification may be lost
with its connection, so users of this class also read the log at intervals.
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

_CHANNEL = "SELECT 'storehouse_' || CAST(CAST('event_log' AS regclass) AS oid)"
_log = structlog.get_logger(__name__)


class Notifications:
    """A thread that listens on a connection of its own.

    `notify` is called with the head of the log; or with None when notifications may
    have been lost.
    """

    def __init__(
        self,
        connect: Callable[[], "psycopg.Connection[Any]"],
        source: str,
        notify: Callable[[int | None], None],
    ) -> None:
        self._connect = connect
        self._source = source
        self._notify = notify
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(
            target=self._loop,
            name=f"storehouse-notifications-{self._source}",
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
                    _log.warning("notifications lost", source=self._source, error=why)
                self._closed.wait(RETRY_S)

    def _listen(self, connection: "psycopg.Connection[Any]", *, back: bool) -> None:
        row = connection.execute(_CHANNEL).fetchone()
        (channel,) = row or ("",)
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        if back:
            _log.info("notifications are back", source=self._source)
        self._notify(None)
        while not self._closed.is_set():
            for notification in connection.notifies(timeout=LISTEN_S):
                self._notify(int(notification.payload))
                if self._closed.is_set():
                    break
