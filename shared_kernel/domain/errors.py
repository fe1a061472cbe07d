"""What the domain refuses.

DomainError
├── InvalidValue        a value that no rule of any context allows
├── StaleVersion        the aggregate is no longer what the caller saw
└── …                   one class per broken rule, in each context's `domain/errors.py`

A refusal is named after the rule it upholds and carries fields; who shows it finds the
words. Faults of the technology are not here: they end in `Error`.
"""

from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class DomainError(Exception):
    """The root of all refusals. Every leaf's `str()` is a sentence for people."""


@attrs.frozen(kw_only=True)
class InvalidValue(DomainError):
    """`field` holds `value`, where `expected` says what would be right."""

    field: str
    value: Any
    expected: str

    def __str__(self) -> str:
        return f"{self.field} is {self.value!r}, expected {self.expected}"


@attrs.frozen(kw_only=True)
class StaleVersion(DomainError):
    """The caller decided on version `seen` of `key`, which is at version `current`."""

    key: str
    seen: int
    current: int

    def __str__(self) -> str:
        return f"{self.key} is at version {self.current}, no longer at {self.seen}"
