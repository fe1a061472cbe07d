"""Why a message failed, in a form in which many failures can be compared."""

import hashlib
import linecache
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from traceback import walk_tb
from types import FrameType

import attrs

MOST_FRAMES = 8
LONGEST_TRACE = 2000
"""In characters."""

_KERNEL = "shared_kernel"


@attrs.frozen(kw_only=True)
class Failure:
    """An error, where it was raised, and the field at fault if that is known.

    `place` is the function of ours where it failed, without a line: so it stays the
    same while the code around it changes. Such as
    `sales.read_model.projector:on_repriced`. `trace` are the innermost calls of our
    code, a line each.
    """

    error_type: str
    place: str
    message: str
    trace: str = ""
    field: str | None = None

    @property
    def cause(self) -> str:
        """The same for failures of the same kind: 8 hexadecimal digits."""
        return cause_of(self.error_type, self.place)

    @property
    def reason(self) -> str:
        return f"{self.error_type}: {self.message}"

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        frames = list(_own_frames(error))
        return cls(
            error_type=type(error).__name__,
            place=_place([_name(frame) for frame, _ in frames]),
            message=str(error),
            trace=_trace(frames),
            field=_field(error),
        )


def cause_of(error_type: str, place: str) -> str:
    named = f"{error_type} {place}".encode(errors="replace")
    return hashlib.sha256(named).hexdigest()[:8]


def _own_frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    for frame, line in walk_tb(error.__traceback__):
        if _is_ours(frame.f_code.co_filename, frame.f_globals.get("__name__", "")):
            yield frame, line


def _is_ours(file: str, module: str) -> bool:
    if module.partition(".")[0] in _packages():
        return not file.startswith("<")
    return not file.startswith(("<", *_foreign_folders()))


@cache
def _packages() -> frozenset[str]:
    """The kernel, and the contexts beside it, wherever they are installed."""
    root = Path(sys.modules[_KERNEL].__path__[0]).parent
    contexts = (file.parent.name for file in root.glob("*/bootstrap.py"))
    return frozenset({_KERNEL, *contexts})


@cache
def _foreign_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def _place(names: list[str]) -> str:
    """The innermost outside the kernel, whose functions serve all readers."""
    outside = [name for name in names if not name.startswith(f"{_KERNEL}.")]
    return next(reversed(outside or names), "")


def _name(frame: FrameType) -> str:
    module = frame.f_globals.get("__name__", "")
    return f"{module}:{frame.f_code.co_qualname}"


def _trace(frames: list[tuple[FrameType, int]]) -> str:
    lines = [_line(frame, number) for frame, number in frames[-MOST_FRAMES:]]
    # The innermost say most.
    return "\n".join(lines)[-LONGEST_TRACE:]


def _line(frame: FrameType, number: int) -> str:
    code = linecache.getline(frame.f_code.co_filename, number).strip()
    return f"{_name(frame)}, line {number}: {code}"


def _field(error: BaseException | None) -> str | None:
    """Of the error, or of the one that caused it."""
    while error is not None:
        field = getattr(error, "field", None)
        if isinstance(field, str) and field:
            return field
        error = error.__cause__
    return None
