"""Texts that people read: something of them can be seen, in the order it is written."""

import re
import unicodedata

from shared_kernel.domain.foreign_names import SHAPELESS

# Line and paragraph separators, and what overrides, embeds or isolates a direction:
# with them a text can look like another one.
_TURNING_TEXT = re.compile("[\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def fault_of_line(text: str) -> str | None:
    """What makes `text` unreadable as a name on one line; None if nothing does.

    The joiners that scripts and emoji need are not refused.
    """
    if text.isascii():
        return None
    if found := _TURNING_TEXT.search(text):
        return f"it has U+{ord(found[0]):04X}, which changes the order of what is read"
    if not has_something_visible(text):
        return "nothing of it can be seen"
    return None


def has_something_visible(text: str) -> bool:
    return any(
        unicodedata.category(character)[0] not in "CZ"
        and not SHAPELESS.match(character)
        for character in text
    )
