"""Why letters are dead, as metrics tell it: the causes with most letters, and a rest.

A label for every cause would be a time series for every error that ever occurs.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import attrs

from shared_kernel.dead_letters.causes import CountedCause, counted_by_cause
from shared_kernel.operations.observation import known
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.runtime.service import Service

MOST_CAUSES = 10
"""Of a subscription; the others are one."""

OTHER = "other"
NOT_TRIED = "not-tried"
"""The turn of these letters has come, but nobody has replayed them since."""


@attrs.frozen(kw_only=True)
class ObservedCause:
    """`letters` of `subscription` that failed so; None if that is unknown."""

    subscription: str
    cause: str
    error_type: str = ""
    place: str = ""
    letters: int | None


def observe_causes(services: Iterable[Service]) -> Iterator[ObservedCause]:
    """Of each subscription its causes, and always the others, which may be none."""
    for service in services:
        for letters in service.dead_letters.values():
            yield from _causes_in(letters)


def _causes_in(letters: DeadLetters) -> Iterator[ObservedCause]:
    found = known(partial(_counted, letters))
    names = dict.fromkeys(name for name, _ in letters.subscriptions)
    if found is None:
        for name in names:
            yield ObservedCause(subscription=name, cause=OTHER, letters=None)
        return
    # Letters of a subscription that there is no more are still there.
    for name in names | dict.fromkeys(each.subscription for each in found):
        yield from _of(name, [each for each in found if each.subscription == name])


def _of(name: str, found: Sequence[CountedCause]) -> Iterator[ObservedCause]:
    for each in found[:MOST_CAUSES]:
        yield ObservedCause(
            subscription=name,
            cause=each.cause or NOT_TRIED,
            error_type=each.error_type,
            place=each.place,
            letters=each.letters,
        )
    others = sum(each.letters for each in found[MOST_CAUSES:])
    yield ObservedCause(subscription=name, cause=OTHER, letters=others)


def _counted(letters: DeadLetters) -> list[CountedCause]:
    with letters.database.reading() as connection:
        return counted_by_cause(connection)
