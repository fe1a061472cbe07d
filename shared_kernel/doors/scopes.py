"""Scopes: what a principal may do, such as `lamps:read`."""

from collections.abc import Collection, Iterable, Sequence

EVENTS = "events:read"
OPERATOR = "operator"
READ, WRITE = "read", "write"
PEER = "peer"
"""Other processes of the same shop have it; it is not given to tokens."""
ALL = "all"
"""In place of a scope: no token is needed."""


def scopes_of(contexts: Iterable[str]) -> list[str]:
    """All that can be given, with the contexts of these names."""
    of_contexts = [f"{name}:{may}" for name in contexts for may in (READ, WRITE)]
    return [*of_contexts, EVENTS, OPERATOR]


def read_scopes(given: str, known: Sequence[str]) -> frozenset[str]:
    """Separated by commas. Raises ValueError, which names the unknown ones."""
    scopes = frozenset(each.strip() for each in given.split(",") if each.strip())
    unknown = sorted(scopes - set(known))
    if unknown or not scopes:
        found = f"{', '.join(unknown)} is unknown" if unknown else "none is given"
        raise ValueError(f"{found}: expected some of {','.join(known)}")
    return scopes


def in_order(scopes: Collection[str], known: Sequence[str]) -> list[str]:
    return [each for each in known if each in scopes]
