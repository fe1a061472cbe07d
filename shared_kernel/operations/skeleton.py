"""The template of new contexts, and the replacement of its names.

`samples/skeleton` is a working context with its tests and its feature; `words.txt` has
its names. A change there applies to all contexts that are added later.
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
    """The names of a context, of its aggregate, and the plural of that."""

    context: str
    one: str
    many: str

    def forms(self) -> list[str]:
        """All words in lower case, capitalized, and in upper case."""
        # The plural comes first, since it begins with the singular.
        words = (self.context, self.many, self.one)
        return [
            form for word in words for form in (word, word.capitalize(), word.upper())
        ]


class Skeleton:
    """The template in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        context, one, many = (folder / "words.txt").read_text("utf-8").split()
        self._own = Words(context, one, many)

    def files(self, words: Words) -> Iterator[tuple[Path, str]]:
        """The path of each file in the project, and its text."""
        for path in sorted(self._folder.rglob("*")):
            if path.suffix in {".py", ".feature", ".typed"}:
                place = self._renamed(path.relative_to(self._folder).as_posix(), words)
                yield Path(place), self._renamed(path.read_text("utf-8"), words)

    def identifiers(self) -> set[str]:
        """The names in its code that are not replaced."""
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
