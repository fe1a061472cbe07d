"""Reads in a thread that Python did not start, as the server does, and ends it.

`python -m tests.shared_kernel.web.a_servers_thread FILE`
"""

import ctypes
import sys

import sqlalchemy as sa

from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

ONE = Prepared(sa.text("SELECT 1"))

if __name__ == "__main__":
    database = Database(f"sqlite:///{sys.argv[1]}")

    def read(_: int | None) -> None:
        with database.reading() as connection:
            ONE.row(connection, {})

    c = ctypes.CDLL(None)
    thread, routine = ctypes.c_ulong(), ctypes.CFUNCTYPE(None, ctypes.c_void_p)(read)
    c.pthread_create(ctypes.byref(thread), None, routine, None)
    c.pthread_join(thread, None)
    database.close()
