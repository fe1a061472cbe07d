"""Names that others give to things, such as SKUs and order references.

They are kept as given, in Unicode's form NFC: 1 to so many visible characters, with
single plain spaces within. A path of a URL has them percent-encoded, and servers decode
the path before routes are looked up. So what follows the slashes of a name is neither
empty nor `.` or `..`; and who gives a new name refuses one with words of routes
(`RouteWords`), which contexts declare. A name that exists stays valid whatever routes
are added later.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from shared_kernel.domain.errors import InvalidValue

# Neither white space nor control nor format characters, nor private ones below U+FFFF.
_VISIBLE = (
    r"[^\x00-\x20\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff9-\uffff]"
)
PATTERN = f"^{_VISIBLE}+( {_VISIBLE}+)*$"
"""The rule as far as JSON Schema and Python's `re` can both say it."""

_ASCII = re.compile(r"[!-~]+(?: [!-~]+)*\Z")
# Most names: ASCII that means nothing in a path.
_PLAIN = re.compile(r"[0-9A-Za-z][!-.0-~]*(?: [!-.0-~]+)*\Z")
DAMAGED = "\ufffd"
"""What decoders put in the place of a character that they could not read."""

# These have no shape of their own though they are letters, marks or symbols: a damaged
# character, a joiner of marks, fillers, variation selectors, the empty braille pattern.
SHAPELESS = re.compile(
    f"[{DAMAGED}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def in_words(longest: int) -> str:
    """What a name may be, for messages."""
    return f"1 to {longest} visible characters, with single spaces within"


def schema(longest: int, example: str) -> dict[str, Any]:
    """JSON Schema of a name; `check` knows more."""
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": longest,
        "pattern": PATTERN,
        "description": in_words(longest),
        "examples": [example],
    }


def normalized(text: str) -> str:
    """`text` in the form NFC; what is no text, for `check` to refuse, unchanged."""
    given: object = text
    if not isinstance(given, str) or given.isascii():
        return text
    return unicodedata.normalize("NFC", text)


def folded(name: str) -> str:
    """Equal for names that differ only in case or compatibility form.

    That is Unicode's compatibility caseless match (The Unicode Standard, D146).
    """
    if name.isascii():
        return name.lower()
    once = unicodedata.normalize("NFD", name).casefold()
    twice = unicodedata.normalize("NFKD", once).casefold()
    return unicodedata.normalize("NFKC", twice)


def check(field: str, name: object, longest: int) -> None:
    """Raises InvalidValue, which says what is wrong with the `name`."""
    fault = None
    if isinstance(name, str):
        if _PLAIN.match(name) and len(name) <= longest:
            return
        fault = next(_faults(name, longest), None)
        if fault is None:
            return
    raise InvalidValue(
        field=field,
        value=name,
        expected=in_words(longest) + (f": {fault}" if fault else ""),
    )


def _words(words: Iterable[str]) -> frozenset[str]:
    return frozenset(words)


@attrs.frozen
class RouteWords:
    """Words of routes that lead elsewhere than to a thing which has them in its name.

    In a path those `after_names` follow a name, as in `/things/A/word`; those
    `beside_names` stand where other paths have a name, as in `/things/word`.
    """

    after_names: frozenset[str] = attrs.field(default=(), converter=_words)
    beside_names: frozenset[str] = attrs.field(default=(), converter=_words)

    def __or__(self, other: "RouteWords") -> "RouteWords":
        return RouteWords(
            self.after_names | other.after_names, self.beside_names | other.beside_names
        )

    def check(self, field: str, name: str) -> None:
        """Raises InvalidValue if a new `name` would not be found in a path."""
        first, *others = name.split("/")
        fault = first if first in self.beside_names else ""
        if others and (found := self.after_names.intersection(others)):
            fault = f"/{min(found)}"
        if fault:
            raise InvalidValue(
                field=field,
                value=name,
                expected=f"another name: '{fault}' has a meaning in our URLs",
            )


def _faults(name: str, longest: int) -> Iterator[str]:
    if not 1 <= len(name) <= longest:
        yield f"it has {len(name)} characters" if name else ""
    if not _ASCII.match(name):
        yield from _odd_characters(name)
    if not {"", ".", ".."}.isdisjoint(name.split("/")):
        yield "'.', '..' or nothing cannot stand alone, or before or after a '/'"


def _odd_characters(name: str) -> Iterator[str]:
    if name != name.strip(" ") or "  " in name:
        yield "it has spaces around it, or several in a row"
    for character in name:
        category = unicodedata.category(character)
        if (character != " " and category[0] in "CZ") or SHAPELESS.match(character):
            yield f"it has U+{ord(character):04X}"
