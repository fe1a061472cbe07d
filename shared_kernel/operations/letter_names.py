"""Names of dead letters: the database, and a number that is never reused there."""

import re
from collections.abc import Callable, Iterable, Mapping

import attrs
import click

from shared_kernel.repair.replay import DeadLetters
from shared_kernel.runtime.service import Service

ByDatabase = Mapping[str, DeadLetters]

PATTERN = r"[a-z][a-z0-9_]*:[1-9][0-9]{0,17}"
_NAME = re.compile(PATTERN, re.ASCII)


@attrs.frozen(order=True)
class Named:
    """`sales:3`: the third letter of the database `sales`."""

    database: str
    number: int

    def __str__(self) -> str:
        return f"{self.database}:{self.number}"

    @classmethod
    def read(cls, text: str) -> "Named":
        """Raises ValueError."""
        if not _NAME.fullmatch(text):
            raise ValueError(text)
        database, _, digits = text.partition(":")
        return cls(database, int(digits))


def by_database(services: Iterable[Service]) -> dict[str, DeadLetters]:
    return {
        database: letters
        for service in services
        for database, letters in service.dead_letters.items()
    }


def examples(databases: Iterable[str]) -> str:
    return " or ".join(f"{name}:1" for name in databases)


class AnyLetter(click.ParamType[Named]):
    """The name of a letter, which another process may have."""

    name = "letter"

    def __init__(self, databases: Iterable[str]) -> None:
        self.databases = tuple(databases)

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Named:
        try:
            return Named.read(value)
        except ValueError:
            such = examples(self.databases)
            self.fail(f"{value!r} names no letter; expected such as {such}", param, ctx)


class OwnLetter(AnyLetter):
    """The name of a letter in a database of this process.

    `elsewhere` says who has one of another.
    """

    def __init__(
        self, databases: Iterable[str], elsewhere: Callable[[Named], str]
    ) -> None:
        super().__init__(databases)
        self._elsewhere = elsewhere

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Named:
        named = super().convert(value, param, ctx)
        if named.database not in self.databases:
            self.fail(
                f"{value!r} names no letter; expected such as "
                f"{examples(self.databases)}, of a database of this process; "
                f"{self._elsewhere(named)}",
                param,
                ctx,
            )
        return named
