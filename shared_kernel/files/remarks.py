"""What people should know of a file besides what was refused, each said once."""

import attrs

SHOWN = 3


@attrs.define
class RemarkedRows:
    """So many rows; `first` are the numbers of the first ones."""

    count: int = 0
    first: list[int] = attrs.field(factory=list)


@attrs.define(eq=False)
class Remarks:
    """Counts rows by what is to be said of them; `said` is of the whole file."""

    said: list[str] = attrs.field(factory=list)
    rows: dict[str, RemarkedRows] = attrs.field(factory=dict)

    def say(self, text: str) -> None:
        """Something of the whole file."""
        self.said.append(text)

    def add(self, text: str, row: int) -> None:
        self._add(text, 1, [row])

    def add_all(self, others: "Remarks") -> None:
        """Those of rows further behind in the file."""
        self.said += others.said
        for text, rows in others.rows.items():
            self._add(text, rows.count, rows.first)

    def lines(self) -> list[str]:
        """As in `left out as a draft: 5 rows (3, 8, 12, …)`."""
        of_rows = [f"{text}: {_in_words(rows)}" for text, rows in self.rows.items()]
        return [*self.said, *of_rows]

    def _add(self, text: str, count: int, first: list[int]) -> None:
        rows = self.rows.setdefault(text, RemarkedRows())
        rows.count += count
        rows.first += first[: SHOWN - len(rows.first)]


def _in_words(rows: RemarkedRows) -> str:
    if rows.count == 1:
        return f"row {rows.first[0]}"
    more = ", …" if rows.count > len(rows.first) else ""
    return f"{rows.count:,} rows ({', '.join(map(str, rows.first))}{more})"
