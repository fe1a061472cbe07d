"""JSON bodies of requests that repair dead letters, and of their answers."""

from typing import Annotated, Any

import attrs
import msgspec

from shared_kernel.operations.letter_filters import A_MOMENT, CAUSE_PATTERN
from shared_kernel.operations.letter_names import PATTERN
from shared_kernel.operations.letters_of_the_shop import MOST
from shared_kernel.web.texts import one_line

LONGEST_WHO, LONGEST_WHY = 100, 500

Who = Annotated[str, one_line(LONGEST_WHO, "ada")]
Why = Annotated[str, one_line(LONGEST_WHY, "the price had no currency")]


def _text(example: str) -> msgspec.Meta:
    return msgspec.Meta(min_length=1, max_length=255, examples=[example])


_Cause = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^{CAUSE_PATTERN}$",
        examples=["3f2a91c0"],
        description="8 hexadecimal digits, as `GET /dead-letters/causes` tells them",
    ),
]
_Moment = Annotated[
    str,
    msgspec.Meta(
        max_length=35,
        examples=["2026-03-01T12:00:00Z"],
        description=A_MOMENT,
        extra_json_schema={"format": "date-time"},
    ),
]
_Letter = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^{PATTERN}$",
        examples=["shop_read:1"],
        description="the name of a letter",
    ),
]


@attrs.frozen(kw_only=True)
class ByBody:
    """Both are recorded, if they are given."""

    who: Who | None = None
    why: Why | None = None


@attrs.frozen(kw_only=True)
class ReasonBody:
    """Both are recorded."""

    who: Who
    why: Why


@attrs.frozen(kw_only=True)
class DataBody:
    """`data` is what the letter says from now on: the whole of it."""

    data: Annotated[Any, msgspec.Meta(examples=[{"sku": "LAMP-0001"}])]
    who: Who
    why: Why


@attrs.frozen(kw_only=True)
class ChoiceBody:
    """Dead letters for which all that is given is so; all, if nothing is given."""

    subscription: Annotated[str, _text("shop.listing")] | None = None
    type: Annotated[str, _text("lamp.lit")] | None = None
    key: Annotated[str, _text("LAMP-0001")] | None = None
    since: _Moment | None = None
    cause: _Cause | None = None


@attrs.frozen(kw_only=True)
class RepairManyBody(ChoiceBody):
    """`limit` letters beyond the letter `after`. Who does it and why is recorded."""

    after: _Letter | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST, examples=[100])] = 100
    who: Who | None = None
    why: Why | None = None


@attrs.frozen(kw_only=True)
class DiscardManyBody(ChoiceBody):
    """`limit` letters beyond the letter `after`. Who does it and why is recorded."""

    after: _Letter | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST, examples=[100])] = 100
    who: Who
    why: Why


@attrs.frozen(kw_only=True)
class RehearsalBody(ChoiceBody):
    """`limit`: so many letters are told one by one."""

    limit: Annotated[int, msgspec.Meta(ge=0, le=MOST, examples=[100])] = 100


class Failing(msgspec.Struct, frozen=True):
    """The letter that failed again, and why."""

    letter: str
    reason: str


class Applied(msgspec.Struct, frozen=True):
    """`applied` counts the letter and those behind it, or those behind it alone."""

    letter: str
    applied: int


class Discarded(msgspec.Struct, frozen=True):
    """`applied` waited behind it; `failing` did too, and keeps the others waiting."""

    letter: str
    applied: int
    failing: Failing | None = None


class Requeued(msgspec.Struct, frozen=True):
    """`requeued` is 1: those behind it wait in the queue."""

    letter: str
    requeued: int


class Outcome(msgspec.Struct, frozen=True):
    """`applied` counts the letter and those behind it; `error` says why not all.

    Of a letter that was discarded it counts those behind it alone.
    """

    letter: str
    applied: int
    error: str | None = None


class Outcomes(msgspec.Struct, frozen=True):
    """`next` is what to send as `after` to go on, null if there is no more."""

    outcomes: list[Outcome]
    applied: int
    failed: int
    next: str | None = None
