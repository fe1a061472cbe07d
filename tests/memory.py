"""Files of tests are kept in memory where there is room: none is to outlive its test.

What a process has written is there when it is killed, on a disk and in memory alike; no
test takes the power away. A disk that flushes each file takes half of all time.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
# Several times of what all tests at once have been seen to take.
ROOM = 2 * 1024**3


def keep_files_in_memory() -> None:
    """Of this process and those that it starts, unless TMPDIR says where else."""
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _has_room(folder: Path) -> bool:
    try:
        # Where no program may be run, PostgreSQL cannot be either.
        runs = not os.statvfs(folder).f_flag & os.ST_NOEXEC
        return (
            runs
            and os.access(folder, os.W_OK)
            and shutil.disk_usage(folder).free > ROOM
        )
    except OSError:
        return False
