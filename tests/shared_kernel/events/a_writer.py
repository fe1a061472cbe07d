"""A process that appends to a log until it is killed.

`python -m tests.shared_kernel.events.a_writer URL NAME` prints a line for each known
outcome: `+ NAME-7 12` was committed, and the log's head was 12 then; `- NAME-8` was
rolled back.
"""

import itertools
import random
import sys

from sqlalchemy import text

from shared_kernel.events.entries import Entry
from shared_kernel.events.event_log import EventLog
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared

SEEN = Prepared(text("SELECT coalesce(max(written), 0) FROM event_log"))


class _ChangedMind(Exception):
    pass


def write(url: str, name: str) -> None:
    database = Database(url)
    log, chance = EventLog(database, "catalog"), random.Random(name)
    for turn in itertools.count(1):
        key = f"{name}-{turn}"
        try:
            with database.writing() as connection:
                (seen,) = SEEN.row(connection, {}) or (0,)
                data = b'{"seen":%d}' % seen
                many = [Entry("lamp.lit", key, data, None)] * chance.randint(1, 3)
                appended = log.append(connection, many, turn)
                if chance.random() < 0.2:
                    raise _ChangedMind
        except _ChangedMind:
            print(f"- {key}", flush=True)
            continue
        head = log.settle(appended) if chance.random() < 0.8 else 0
        print(f"+ {key} {head}", flush=True)


if __name__ == "__main__":
    write(*sys.argv[1:])
