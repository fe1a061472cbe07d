"""What people should know of a file besides what was refused, each said once."""

import attrs

SHOWN = 3


@attrs.define
class _Rows:
    count: int = 0
    first: list[int] = attrs.field(factory=list)


@attrs.define(eq=False)
class Remarks:
    """Counts rows by what is to be said of them."""

    _of: dict[str, _Rows] = attrs.field(factory=dict)
    _said: list[str] = attrs.field(factory=list)

    def say(self, text: str) -> None:
        """Something of the whole file."""
        self._said.append(text)

    def add(self, text: str, row: int) -> None:
        rows = self._of.setdefault(text, _Rows())
        rows.count += 1
        if len(rows.first) < SHOWN:
            rows.first.append(row)

    def lines(self) -> list[str]:
        """As in `left out as a draft: 5 rows (3, 8, 12, …)`."""
        of_rows = [f"{text}: {_in_words(rows)}" for text, rows in self._of.items()]
        return [*self._said, *of_rows]


def _in_words(rows: _Rows) -> str:
    if rows.count == 1:
        return f"row {rows.first[0]}"
    more = ", …" if rows.count > len(rows.first) else ""
    return f"{rows.count:,} rows ({', '.join(map(str, rows.first))}{more})"
