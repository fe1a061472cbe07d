"""Subject patterns, as NATS has them: `*` is one token, `>` all the rest."""

import functools
import re
from collections.abc import Callable

_TOKEN = re.compile(r"[^\s.*>]+\Z")


class InvalidPatternError(ValueError):
    """A pattern that matches nothing or is not written as patterns are."""


@functools.cache
def matcher(pattern: str) -> Callable[[str], bool]:
    """A test whether a subject matches `pattern`. Raises InvalidPatternError."""
    tokens = pattern.split(".")
    for place, token in enumerate(tokens):
        last = place == len(tokens) - 1
        if not (token == "*" or (token == ">" and last) or _TOKEN.match(token)):
            raise InvalidPatternError(
                f"{pattern!r}: tokens are separated by '.', '*' stands for one token "
                "and '>' for the rest, at the end only"
            )
    expression = r"\.".join(
        _EXPRESSIONS.get(token, re.escape(token)) for token in tokens
    )
    matches = re.compile(expression + r"\Z").match
    return functools.lru_cache(maxsize=1024)(
        lambda subject: matches(subject) is not None
    )


_EXPRESSIONS = {"*": r"[^.]+", ">": r"[^.]+(?:\.[^.]+)*"}
