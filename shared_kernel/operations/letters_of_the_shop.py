"""The dead letters of all processes of the shop, read here and asked of the others."""

from collections.abc import Iterator, Sequence
from itertools import islice
from urllib.parse import urlencode

import attrs
import msgspec

from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.letter import DeadLetter, UnknownDeadLetterError
from shared_kernel.dead_letters.selection import Selection, page
from shared_kernel.operations.letter_documents import (
    ShownCause,
    ShownLetter,
    WholeLetter,
    shown,
    shown_cause,
    whole,
)
from shared_kernel.operations.letter_filters import parameters_of
from shared_kernel.operations.letter_names import ByDatabase, Named
from shared_kernel.operations.other_processes import (
    PROCESS,
    Answers,
    NotAsked,
    OtherProcesses,
)
from shared_kernel.repair.waiting import behind, clustered

PATH = "/dead-letters"
MOST = 1000
"""Letters in a page."""


class LetterPage(msgspec.Struct, frozen=True):
    """In the order of databases and numbers.

    `not_asked` are the services whose letters are not known: they may have some.
    """

    letters: list[ShownLetter]
    not_asked: list[NotAsked] = []


class CausePage(msgspec.Struct, frozen=True):
    """The most frequent first."""

    causes: list[ShownCause]
    not_asked: list[NotAsked] = []


@attrs.frozen
class Elsewhere:
    """`told` says it in words; `at` is the address of the process, if it is known."""

    told: str
    at: str | None = None


@attrs.frozen
class LettersOfTheShop:
    """`here` are those of this process. Raises the faults of their databases."""

    here: ByDatabase
    others: OtherProcesses = attrs.field(factory=OtherProcesses)

    def page(
        self, selection: Selection, after: Named | None, limit: int, scope: str
    ) -> LetterPage:
        """The first `limit` letters beyond `after`."""
        found = {each.name: each for each in self._page(selection, after, limit)}
        answers: Answers[LetterPage] = Answers()
        if scope != PROCESS:
            cursor = {} if after is None else {"cursor": str(after)}
            asked = {**parameters_of(selection), **cursor, "limit": str(limit)}
            answers = self.others.ask(_path(PATH, asked), LetterPage)
        for document in answers.documents:
            for letter in document.letters:
                # A replica has the same databases.
                if letter.name.database not in self.here:
                    found[letter.name] = letter
        ordered = (found[name] for name in sorted(found))
        return LetterPage(list(islice(ordered, limit)), list(answers.not_asked))

    def causes(self, selection: Selection, scope: str) -> CausePage:
        found = list(self._causes(selection))
        answers: Answers[CausePage] = Answers()
        if scope != PROCESS:
            path = _path(f"{PATH}/causes", parameters_of(selection))
            answers = self.others.ask(path, CausePage)
        for document in answers.documents:
            found += [c for c in document.causes if c.database not in self.here]
        found.sort(key=lambda each: (-each.letters, each.example))
        return CausePage(found, list(answers.not_asked))

    def show(self, name: Named) -> WholeLetter:
        """Of this process. Raises UnknownDeadLetterError."""
        letters = self.here.get(name.database)
        if letters is None:
            raise UnknownDeadLetterError(name.number)
        with letters.database.reading() as connection:
            letter = store.get(connection, name.number)
            return whole(name.database, letter, behind(connection, letter))

    def find(self, name: Named) -> Answers[WholeLetter]:
        """Of another process."""
        return self.others.find(_path(f"{PATH}/{name}", {}), WholeLetter)

    def elsewhere(self, name: Named) -> "Elsewhere":
        """Who has a letter of a database that is not of this process."""
        answers = self.find(name)
        for at in answers.addresses:
            return Elsewhere(f"the process at {at} has it: ask that one", at)
        away = ", ".join(each.service for each in answers.not_asked)
        if away:
            return Elsewhere(f"{away} may have it, and could not be asked")
        return Elsewhere("no other process has it")

    def _page(
        self, selection: Selection, after: Named | None, limit: int
    ) -> Iterator[ShownLetter]:
        for database in sorted(self.here):
            number = 0
            if after is not None and database <= after.database:
                if database < after.database:
                    continue
                number = after.number
            found = self._read(database, selection, number, limit)
            limit -= len(found)
            for letter in found:
                yield shown(database, letter)
            if not limit:
                return

    def _read(
        self, database: str, selection: Selection, number: int, limit: int
    ) -> Sequence[DeadLetter]:
        with self.here[database].database.reading() as connection:
            return page(connection, selection, number, limit)

    def _causes(self, selection: Selection) -> Iterator[ShownCause]:
        for database, letters in self.here.items():
            with letters.database.reading() as connection:
                found = clustered(connection, selection)
            for cause in found:
                yield shown_cause(database, cause)


def _path(path: str, parameters: dict[str, str]) -> str:
    return f"{path}?{urlencode({'scope': PROCESS, **parameters})}"
