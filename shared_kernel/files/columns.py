"""The columns of a row file: which there must be, and what they are called in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from shared_kernel.documents.schema import Schema
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.json_rows import ANY_OBJECT

REASON = "reason"


@attrs.frozen
class Columns:
    """The columns of a row; in NDJSON a line is an object of the schema `document`.

    `aliases` are other names of them. In `identifying` ones stand names, of which the
    marks of spreadsheets are no part. `presets` has, by preset, columns by which files
    for it are recognized. A column `reason` is ignored: so a file of refused rows can
    be corrected and used, and so it has the columns `of_refused` in front, unless the
    file has them. Of a `foreign` file only these columns matter.
    """

    required: Sequence[str]
    optional: Sequence[str] = ()
    presets: Mapping[str, Sequence[str]] = attrs.field(factory=dict)
    aliases: Mapping[str, str] = attrs.field(factory=dict)
    identifying: Sequence[str] = ()
    foreign: bool = False
    document: Schema[Any] = ANY_OBJECT
    of_refused: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        return [*self.required, *self.optional]

    def of_refused_rows(self, header: Sequence[str]) -> list[str]:
        """The header of the file of refused rows, for a file with `header`."""
        return [*(name for name in self.of_refused if name not in header), *header]

    def preset_of(self, header: Sequence[str]) -> str | None:
        """The preset for files with this header."""
        given = set(map(same_name, header))
        for preset, marks in self.presets.items():
            if given.issuperset(map(same_name, marks)):
                return preset
        return None

    def known_as(self, names: Mapping[str, str]) -> dict[str, str]:
        """Our columns by `same_name`; `names` are those that people have mapped.

        Raises UnusableFileError.
        """
        ours_by_name = {same_name(name): name for name in [*self.names, REASON]}
        known = ours_by_name | {
            same_name(name): ours for name, ours in self.aliases.items()
        }
        meant: set[str] = set()
        for theirs, given in names.items():
            ours = ours_by_name.get(same_name(given))
            if ours is None:
                raise UnusableFileError(
                    f"--map {theirs}={given}: there is no column {given!r}; the "
                    f"columns are: {self}"
                )
            if ours in meant:
                raise UnusableFileError(
                    f"--map {theirs}={given}: another column is mapped to {ours}"
                )
            meant.add(ours)
            # Another column of this name is not meant then.
            known = {name: other for name, other in known.items() if other != ours}
            known[same_name(theirs)] = ours
        return known

    def __str__(self) -> str:
        if not self.optional:
            return ", ".join(self.required)
        return f"{', '.join(self.required)}; if wanted, {', '.join(self.optional)}"


@attrs.frozen
class Header:
    """`names` are ours where they are known, else the file's, or as in `column 3`.

    Those at the end without a name are not in it: so many are `spare`. `ignored` are
    those that mean nothing to us.
    """

    names: Sequence[str]
    ignored: Sequence[str]
    spare: int = 0


def header_of(
    given: Sequence[str], columns: Columns, mapped: Mapping[str, str]
) -> Header:
    """Raises UnusableFileError, with a message that lacks the name of the file."""
    known = columns.known_as(mapped)
    names = [known.get(same_name(name)) or _foreign(name, columns) for name in given]
    ours = [name for name in names if name in columns.names]
    if problem := _problem(given, names, ours, columns, mapped):
        raise UnusableFileError(problem)
    while not names[-1]:
        names.pop()
    for place, name in enumerate(names):
        if not name:
            names[place] = f"column {place + 1}"
        elif name and names.index(name) < place:
            names[place] = f"{name} ({place + 1})"
    ignored = [name for name in names if name not in [*ours, REASON]]
    spare = len(given) - len(names)
    return Header(names, [] if columns.foreign else ignored, spare)


def _problem(
    given: Sequence[str],
    names: Sequence[str],
    ours: Sequence[str],
    columns: Columns,
    mapped: Mapping[str, str],
) -> str | None:
    there = set(map(same_name, given))
    if absent := [name for name in mapped if same_name(name) not in there]:
        return f"--map: no column {', '.join(absent)} in its first line"
    if not columns.foreign and not mapped and (preset := columns.preset_of(given)):
        return f"these are the columns of another software: say --preset {preset}"
    twice = {name for name in [*ours, REASON] if names.count(name) > 1}
    missing = [name for name in columns.required if name not in ours]
    if not missing and not twice:
        return None
    if any("\0" in name for name in given):
        return "its text has zero bytes; is it UTF-16? Say --encoding utf-16-le"
    if twice:
        problem = f"more than one column {', '.join(sorted(twice))}"
    else:
        problem = f"no column {', '.join(missing)} in its first line"
    if columns.foreign:
        return f"{problem}; is it a file for this --preset?"
    return (
        f"{problem}; the columns, with commas between, are: {columns}; one of another "
        f"name is given with --map 'its name={(missing or ours)[0]}'"
    )


def _foreign(name: str, columns: Columns) -> str:
    """What a column is called that means nothing to us, unlike any of ours."""
    name = " ".join(name.split())
    return f"{name} (not ours)" if name in [*columns.names, REASON] else name


def same_name(name: str) -> str:
    """Equal for names of columns that differ in case, spaces and underscores alone."""
    return " ".join(name.replace("_", " ").split()).casefold()
