"""How to read a file, where people have said more than its name does."""

import codecs
from collections.abc import Mapping

import attrs

from shared_kernel.files.errors import UnusableFileError

TAB = "tab"
DELIMITERS = (",", ";", "\t", "|")
"""Those that are recognized; others have to be named."""


@attrs.frozen(kw_only=True)
class Reading:
    """`form` is csv or ndjson, `names` maps names of columns in the file to ours."""

    form: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    names: Mapping[str, str] = attrs.field(factory=dict)


AS_IT_IS = Reading()


def delimiter_of(text: str) -> str:
    """Raises UnusableFileError."""
    if text.casefold() in (TAB, r"\t"):
        return "\t"
    if len(text) != 1 or text.isalnum() or text in "\"'\r\n":
        raise UnusableFileError(
            f"the delimiter is {text!r}, expected one character such as ';', or tab"
        )
    return text


def encoding_of(name: str) -> str:
    """Raises UnusableFileError."""
    try:
        # Codecs such as base64 convert bytes to bytes: they are no text encodings. Some
        # bytes are needed, since no codec is asked about none.
        b" ".decode(name, "replace")
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise UnusableFileError(
            f"the encoding is {name!r}, expected one such as utf-8, cp1252 or utf-16"
        ) from None


def names_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """Of `theirs=ours` each. Raises UnusableFileError."""
    names: dict[str, str] = {}
    for pair in pairs:
        theirs, equals, ours = (part.strip() for part in pair.rpartition("="))
        if not equals or not theirs or not ours:
            raise UnusableFileError(
                f"the map is {pair!r}, expected 'their column=our column', such as "
                "'Variant SKU=sku'"
            )
        if names.setdefault(theirs, ours) != ours:
            raise UnusableFileError(f"the column {theirs!r} is mapped twice")
    return names
