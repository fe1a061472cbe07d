"""Locks a database's file against a second server that was started by mistake.

It is a lock of the operating system on a file beside the database. It is released when
its process ends, in whatever way. Commands at the command line take no lock: they may
run beside a server.
"""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url

from shared_kernel.storage.database import Database


class DatabaseInUseError(Exception):
    """Another process serves from the same file. The message says how to fix it."""

    def __init__(self, url: str, holder: str) -> None:
        super().__init__(
            f"{url} is served by another process{holder}: stop that one, or give this "
            "one databases of its own, or set COPIES=several for both"
        )


class ServedFiles:
    """The locks, held from `claim` to `release` or to the end of the process."""

    def __init__(self) -> None:
        self._locks: list[IO[str]] = []

    def claim(self, databases: Iterable[Database], *, several: bool) -> None:
        """Raises DatabaseInUseError, and then holds no lock."""
        kind = fcntl.LOCK_SH if several else fcntl.LOCK_EX
        try:
            for database in databases:
                # PostgreSQL supports several processes.
                if database.one_writer:
                    self._claim(database.url, kind)
        except DatabaseInUseError:
            self.release()
            raise

    def release(self) -> None:
        while self._locks:
            self._locks.pop().close()

    def _claim(self, url: str, kind: int) -> None:
        path = Path(f"{make_url(url).database}.served")
        lock = path.open("a+", encoding="utf-8")
        self._locks.append(lock)
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            number = lock.read().strip()
            holder = f" ({number})" if number else ""
            raise DatabaseInUseError(url, holder) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()}\n")
        lock.flush()
