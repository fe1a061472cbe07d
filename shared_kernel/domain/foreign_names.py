"""Names that others give to things, such as SKUs and order references.

They are kept as given, in Unicode's form NFC: 1 to so many visible characters, with
single plain spaces within. A path of a URL has them percent-encoded, and servers decode
the path before routes are looked up. So a name with a `/` must not look like a route of
ours: what follows its slashes is neither empty nor `.` or `..`, nor a word of a route.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Any

from shared_kernel.domain.errors import InvalidValue

WORDS_OF_ROUTES = frozenset(
    {
        "corrections",
        "counts",
        "description",
        "discontinue",
        "movements",
        "name",
        "price",
        "receipts",
        "relist",
        "reorder-point",
        "reservations",
        "returns",
        "shipment",
    }
)
"""The words that follow a name in the path of a route."""

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


def check(
    field: str, name: object, longest: int, not_first: Collection[str] = ()
) -> None:
    """`not_first` are words of routes that stand where others have this name.

    Raises InvalidValue, which says what is wrong with the `name`.
    """
    fault = None
    if isinstance(name, str):
        if _PLAIN.match(name) and len(name) <= longest and name not in not_first:
            return
        fault = next(_faults(name, longest, not_first), None)
        if fault is None:
            return
    raise InvalidValue(
        field=field,
        value=name,
        expected=in_words(longest) + (f": {fault}" if fault else ""),
    )


def _faults(name: str, longest: int, not_first: Collection[str]) -> Iterator[str]:
    if not 1 <= len(name) <= longest:
        yield f"it has {len(name)} characters" if name else ""
    if not _ASCII.match(name):
        yield from _odd_characters(name)
    first, *others = name.split("/")
    if not {"", ".", ".."}.isdisjoint((first, *others)):
        yield "'.', '..' or nothing cannot stand alone, or before or after a '/'"
    if found := WORDS_OF_ROUTES.intersection(others):
        yield f"'/{min(found)}' has a meaning in our URLs"
    if first in not_first:
        yield f"'{first}' has a meaning in our URLs"


def _odd_characters(name: str) -> Iterator[str]:
    if name != name.strip(" ") or "  " in name:
        yield "it has spaces around it, or several in a row"
    for character in name:
        category = unicodedata.category(character)
        if (character != " " and category[0] in "CZ") or SHAPELESS.match(character):
            yield f"it has U+{ord(character):04X}"
