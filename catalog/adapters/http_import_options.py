"""What the query of a sent file says: how it is read, and what is done with it."""

from typing import Any

import attrs

from catalog.adapters.imports.import_options import (
    DECIMAL_MARKS,
    PRESETS,
    SKU_SOURCES,
    ImportOptions,
    UnusableOptionError,
)
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.reading import Reading, delimiter_of, encoding_of, names_of
from shared_kernel.web.parameters import Parameter, fault_of, invalid, read_query
from shared_kernel.web.problems import INVALID_PARAMETER, Problem


def _text(
    name: str, description: str, least: int, most: int, example: str
) -> Parameter:
    schema = {
        "type": "string",
        "minLength": least,
        "maxLength": most,
        "examples": [example],
    }
    return Parameter(name=name, description=description, schema=schema)


def _choice(name: str, description: str, choices: tuple[str, ...]) -> Parameter:
    schema = {"type": "string", "enum": list(choices)}
    return Parameter(name=name, description=description, schema=schema)


def _switch(name: str, description: str) -> Parameter:
    schema = {"type": "boolean", "default": False}
    return Parameter(name=name, description=description, schema=schema)


PARAMETERS = (
    _text(
        "delimiter",
        "What separates cells: a character, or `tab`. By default it is recognized.",
        1,
        3,
        ";",
    ),
    _text(
        "encoding", "Of the text, UTF-8 by default, such as `cp1252`.", 1, 40, "cp1252"
    ),
    _text(
        "map",
        "What columns are called in the file: `theirs=ours`, with `;` between several.",
        3,
        1000,
        "Variant SKU=sku",
    ),
    _switch(
        "update", "Rename, describe and reprice products that are registered otherwise."
    ),
    _switch("dry_run", "Do everything, row by row, and keep nothing of it."),
    _text("currency", "That of prices that name none (ISO 4217).", 3, 3, "EUR"),
    _choice(
        "decimal_mark",
        "What separates decimals; by default an amount such as `1,234` is refused.",
        DECIMAL_MARKS,
    ),
    _choice(
        "preset",
        "The file is the product export of this software; it needs `currency`.",
        PRESETS,
    ),
    _choice(
        "sku_from",
        "Where SKUs come from that are empty, with the preset `shopify`.",
        SKU_SOURCES,
    ),
)
_OPTIONS = [field.name for field in attrs.fields(ImportOptions)]


def asked() -> tuple[Reading, ImportOptions]:
    """As the query of the current request says. Raises Problem."""
    query = read_query(PARAMETERS)
    try:
        options = ImportOptions(**{name: query[name] for name in _OPTIONS})
    except UnusableOptionError as error:
        raise invalid([fault_of(error.option, str(error))]) from error
    return _reading(query), options


def _reading(query: dict[str, Any]) -> Reading:
    delimiter, encoding, names = (query[n] for n in ("delimiter", "encoding", "map"))
    try:
        return Reading(
            delimiter=None if delimiter is None else delimiter_of(delimiter),
            encoding=None if encoding is None else encoding_of(encoding),
            names=names_of(tuple(filter(None, (names or "").split(";")))),
        )
    except UnusableFileError as error:
        raise Problem(INVALID_PARAMETER, str(error)) from error
