"""The project's skeleton of a context, and what it becomes in other words.

`samples/skeleton` is a context that works, with its tests and its feature; `words.txt`
has its own words. A change there changes how further contexts of this project begin.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import attrs

FOLDER = Path("samples", "skeleton")


@attrs.frozen
class Words:
    """What a context is called, and its aggregate; `many` is that one's plural."""

    context: str
    one: str
    many: str

    def forms(self) -> list[str]:
        """As they stand in prose, in names and in examples."""
        # The plural first: it begins as the other one does.
        words = (self.context, self.many, self.one)
        return [
            form for word in words for form in (word, word.capitalize(), word.upper())
        ]


class Skeleton:
    """The one in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        context, one, many = (folder / "words.txt").read_text("utf-8").split()
        self._own = Words(context, one, many)

    def files(self, words: Words) -> Iterator[tuple[Path, str]]:
        """Where each file stands in the project, and what is in it."""
        for path in sorted(self._folder.rglob("*")):
            if path.suffix in {".py", ".feature", ".typed"}:
                place = self._renamed(path.relative_to(self._folder).as_posix(), words)
                yield Path(place), self._renamed(path.read_text("utf-8"), words)

    def identifiers(self) -> set[str]:
        """The names in its code that stay as they are."""
        found = set()
        for path in self._folder.rglob("*.py"):
            tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
            found |= {each.string for each in tokens if each.type == tokenize.NAME}
        return found - set(self._own.forms())

    def _renamed(self, text: str, words: Words) -> str:
        if words.one[0] in "aeiou":
            text = re.sub(rf"\b(a|A) (?={self._own.one})", r"\1n ", text)
        names = dict(zip(self._own.forms(), words.forms(), strict=True))
        return re.sub("|".join(names), lambda match: names[match[0]], text)
