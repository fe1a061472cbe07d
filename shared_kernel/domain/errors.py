"""The domain's refusals.

DomainError
├── InvalidValue        a value object refuses the value
├── StaleVersion        the aggregate has changed since the caller read it
├── PreconditionFailed  it is in a state that the caller excluded
└── …                   one class per broken rule, in each context's `domain/errors.py`

A refusal is named after the broken rule and carries fields; the adapters format it.
Technical faults are elsewhere: their names end in `Error`.
"""

from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class DomainError(Exception):
    """The root of all refusals. Each subclass's `str()` is a readable sentence."""


@attrs.frozen(kw_only=True)
class InvalidValue(DomainError):
    """`field` has the invalid `value`; `expected` describes the valid ones."""

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


@attrs.frozen(kw_only=True)
class PreconditionFailed(DomainError):
    """The caller wanted a change only if `expected`; `key` is at version `current`."""

    key: str
    current: int
    expected: str

    def __str__(self) -> str:
        return f"{self.key} is at version {self.current}; expected {self.expected}"
