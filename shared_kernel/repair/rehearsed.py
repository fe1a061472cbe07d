"""What became of a letter in a rehearsal, and how thousands of them are summed up."""

from collections import Counter
from collections.abc import Sequence

import attrs

from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.storage.row_changes import RowChange


@attrs.frozen(kw_only=True)
class Rehearsed:
    """`letter`, and the `behind` messages parked behind it, in order.

    The first `applied` of them would be applied. `failing` is the one that would fail
    again, with its `failure`: None if none was found to. `changes` are the rows that
    would change, each once; of what is appended, such as published events, without the
    columns that a replay fills anew. `written` are the rows that others may write, too:
    changed, or as they were. `unseen` letters before it would be applied, but were not
    before it: none writes a row that it writes. If it depends on one that it only
    reads, a replay may do something else.
    """

    letter: DeadLetter
    behind: int
    applied: int
    failing: DeadLetter | None
    failure: Failure | None
    changes: Sequence[RowChange]
    written: Sequence[RowChange]
    unseen: int = 0

    @property
    def succeeds(self) -> bool:
        """Whether all that was tried would be applied."""
        return self.failing is None

    @property
    def untried(self) -> int:
        """How many were not tried: behind the failing one, or too far behind."""
        return 1 + self.behind - self.applied - (self.failing is not None)


@attrs.frozen(kw_only=True)
class Outcome:
    """Of letters that have failed for the same reason, and would do so or not.

    `was` is None for letters that have not been tried since those before them are gone,
    `failure` if they would be applied; its message is that of `example`.
    """

    was: Failure | None
    failure: Failure | None
    example: str
    letters: int = 0
    events: int = 0


class Outcomes:
    """Sums up rehearsed letters: in as much memory as there are causes and tables.

    `apart` of them were tried without some of those before them.
    """

    def __init__(self) -> None:
        self.letters = 0
        self.succeeding = 0
        self.applied = 0
        self.untried = 0
        self.apart = 0
        self.rows: Counter[tuple[str, str]] = Counter()
        self._by_cause: dict[tuple[str, str], Outcome] = {}

    def add(self, name: str, rehearsed: Rehearsed) -> None:
        """`name` is the letter's, for people."""
        was, failure = rehearsed.letter.failure, rehearsed.failure
        causes = (was.cause if was else "", failure.cause if failure else "")
        known = self._by_cause.get(causes)
        if known is None:
            known = Outcome(was=was, failure=failure, example=name)
        self._by_cause[causes] = attrs.evolve(
            known,
            letters=known.letters + 1,
            events=known.events + rehearsed.applied,
        )
        self.letters += 1
        self.succeeding += rehearsed.succeeds
        self.applied += rehearsed.applied
        self.untried += rehearsed.untried
        self.apart += rehearsed.unseen > 0
        self.rows.update((each.table.name, each.kind) for each in rehearsed.changes)

    @property
    def by_cause(self) -> list[Outcome]:
        """The most frequent first."""
        return sorted(self._by_cause.values(), key=lambda each: -each.letters)
