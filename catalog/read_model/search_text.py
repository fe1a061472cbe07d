"""What a text is found by: without accents, in any case, word by word."""

import re
import unicodedata

from shared_kernel.domain.foreign_names import DAMAGED, SHAPELESS

# Letters that Unicode does not take apart into a plain letter and a mark.
_PLAIN_LETTERS = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe"}
)
TRIGRAM = 3
_THREE_IN_A_ROW = re.compile(r"[^\W_]{3}")


def search_text(text: str) -> str:
    """`text` without accents, marks and invisible characters, casefolded.

    Texts that a shopper would call the same become the same: `Café` in any composition,
    `CAFE`, `ｃａｆé`.
    """
    if text.isascii():
        return text.lower()
    once = unicodedata.normalize("NFKD", text).casefold()
    apart = unicodedata.normalize("NFKD", once).translate(_PLAIN_LETTERS)
    return "".join(character for character in apart if _is_sought(character))


def words_of(sought: str) -> list[str]:
    """The words to find, all of them, anywhere in a text; longer ones first.

    A word that is part of another one is left out: whatever has that one has it, too.
    """
    words: list[str] = []
    for word in sorted(search_text(sought).split(), key=len, reverse=True):
        if not any(word in longer for longer in words):
            words.append(word)
    return words


def has_three_letters(word: str) -> bool:
    """Whether it has three letters or digits in a row."""
    return _THREE_IN_A_ROW.search(word) is not None


def trigrams_of(word: str) -> list[str]:
    """As few as cover the word, once each.

    Each costs a search as much as there are texts with it, and texts decide anyway.
    """
    last = len(word) - TRIGRAM
    begins = (*range(0, last, TRIGRAM), last)
    return list(dict.fromkeys(word[at : at + TRIGRAM] for at in begins))


def _is_sought(character: str) -> bool:
    return not (
        unicodedata.combining(character)
        or unicodedata.category(character) == "Cf"
        or (character != DAMAGED and SHAPELESS.match(character))
    )
